import Platform
import TestSupport
import Testing

@testable import Proxy

@Suite struct ClientAddressTests {
  static func text(_ address: ClientAddress) -> String {
    let output = Buffer(capacity: 64)
    let fits = address.write(to: output)
    #expect(fits)
    return output.text
  }

  @Test(arguments: [
    ("0.0.0.0", "0.0.0.0"), ("192.0.2.1", "192.0.2.1"), ("255.255.255.255", "255.255.255.255"),
    ("10.100.9.99", "10.100.9.99"), ("::", "::"), ("::1", "::1"), ("1::", "1::"),
    ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"), ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
    ("2001:0:0:1:0:0:0:1", "2001:0:0:1::1"), ("FE80::ABCD:0", "fe80::abcd:0"),
    ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"), ("0:1:2:3:4:5:6:7", "0:1:2:3:4:5:6:7"),
    ("1:2:3:4:5:6:0:0", "1:2:3:4:5:6::"), ("::ffff:192.0.2.1", "192.0.2.1"),
    ("::192.0.2.1", "::c000:201"),
    (
      "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
      "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
    ),
  ])
  func `an address is written in its shortest form`(given: String, written: String) throws {
    let bytes = try #require(SocketAddress.parse(host: given))

    #expect(Self.text(ClientAddress(bytes)) == written)
  }

  @Test func `any address comes back from its text and from its bytes`() throws {
    let seed = TestSeed()
    var random = seed.generator
    for _ in 0..<2_000 {
      let isIPv6 = Bool.random(using: &random)
      // Zero groups are what makes the text difficult.
      let bytes = (0..<(isIPv6 ? 16 : 4)).map { _ in
        Bool.random(using: &random) ? UInt8(0) : UInt8.random(in: 0...255, using: &random)
      }
      let address = ClientAddress(bytes)
      let reread = try #require(SocketAddress.parse(host: Self.text(address)))

      #expect(ClientAddress(reread) == address, "\(bytes) \(seed)")
      #expect(address.bytes == reread, "\(seed)")
    }
  }

  @Test func `text that does not fit is not begun`() {
    let output = Buffer(capacity: ClientAddress.textBytesMax - 1)

    let fits = ClientAddress([192, 0, 2, 1]).write(to: output)
    #expect(!fits)
    #expect(output.isEmpty)
  }

  @Test func `a connection pays no heap memory for its client's address`() {
    #expect(MemoryLayout<ClientAddress>.size <= 17)
  }
}
