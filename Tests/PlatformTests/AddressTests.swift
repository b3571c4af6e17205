import Platform
import Testing

@Suite struct AddressTests {
  @Test(arguments: [
    ("127.0.0.1:80", "127.0.0.1:80"), ("[::1]:443", "[::1]:443"), ("0.0.0.0:0", "0.0.0.0:0"),
    ("[2001:db8::1]:8080", "[2001:db8::1]:8080"),
    ("255.255.255.255:65535", "255.255.255.255:65535"),
  ])
  func `an address is read and written alike`(text: String, written: String) throws {
    let address = try #require(SocketAddress(text))

    #expect(address.description == written)
  }

  @Test(arguments: [
    "", ":80", "localhost:80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1",
    "127.0.0:80", "127.0.0.256:80", "[::1]", "[::g]:80", "127.0.0.1:80 ", "[]:80",
  ])
  func `what is no numeric address with a port is refused`(text: String) {
    #expect(SocketAddress(text) == nil)
  }
}
