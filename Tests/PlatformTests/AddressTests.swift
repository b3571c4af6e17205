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
    #expect(SocketAddress(bytes: address.bytes, port: address.port) == address)
  }

  @Test(arguments: [
    "", ":80", "localhost:80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1",
    "127.0.0:80", "127.0.0.256:80", "[::1]", "[::g]:80", "127.0.0.1:80 ", "[]:80", "127.0.0.1:+80",
    "::1:80", "[127.0.0.1]:80",
  ])
  func `what is no numeric address with a port is refused`(text: String) {
    #expect(SocketAddress(text) == nil)
  }

  @Test func `an address has 4 or 16 bytes`() {
    #expect(SocketAddress(bytes: [1, 2, 3], port: 1) == nil)
    #expect(SocketAddress(bytes: [], port: 1) == nil)
    #expect(SocketAddress(bytes: [UInt8](repeating: 0, count: 16), port: 1)?.isIPv6 == true)
  }

  @Test(arguments: [
    ("10.0.0.0/8", "10.255.0.1", true), ("10.0.0.0/8", "11.0.0.1", false),
    ("10.1.2.3/8", "10.9.9.9", true), ("192.168.1.128/25", "192.168.1.128", true),
    ("192.168.1.128/25", "192.168.1.127", false), ("0.0.0.0/0", "255.255.255.255", true),
    ("1.2.3.4", "1.2.3.4", true), ("1.2.3.4", "1.2.3.5", false), ("1.2.3.4/32", "1.2.3.5", false),
    ("1.2.3.4/31", "1.2.3.5", true), ("::1/128", "::1", true), ("::1/128", "::2", false),
    ("2001:db8::/32", "2001:db8:ffff::1", true), ("2001:db8::/33", "2001:db8:8000::", false),
    ("::/0", "::1", true), ("10.0.0.0/8", "::ffff:10.1.1.1", true),
    ("10.0.0.0/8", "::ffff:11.1.1.1", false), ("::/0", "10.0.0.1", false),
    ("0.0.0.0/0", "::1", false), ("::ffff:10.0.0.0/104", "10.1.1.1", true),
    ("::ffff:10.0.0.0/104", "::ffff:10.1.1.1", true), ("::ffff:10.0.0.0/104", "11.1.1.1", false),
    ("::ffff:1.2.3.4", "1.2.3.4", true), ("::ffff:1.2.3.4", "1.2.3.5", false),
    ("::ffff:0:0/96", "200.0.0.1", true), ("::ffff:0:0/96", "::1", false),
  ])
  func `a range holds the addresses that share its first bits`(
    range: String, address: String, isInside: Bool
  ) throws {
    let parsed = try #require(AddressRange(range))
    let bytes = try #require(SocketAddress.parse(host: address))

    #expect(parsed.contains(bytes) == isInside)
  }

  @Test(arguments: [
    "", "/", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8/8", "::/129", "host/8", "10/8",
    "10.0.0.0/+8", "10.0.0.0/ 8", "::ffff:10.0.0.0/95", "::ffff:0:0/8",
  ])
  func `what is no range is refused`(text: String) {
    #expect(AddressRange(text) == nil)
  }
}

@Suite struct EndpointTests {
  @Test(arguments: ["127.0.0.1:80", "[::1]:443", "unix:/run/app.sock"])
  func `an endpoint is read and written alike`(text: String) {
    #expect(Endpoint(text)?.description == text)
  }

  @Test(arguments: [
    "unix:", "unix:/", "unix:relative.sock", "unix:/a\0b",
    "unix:" + String(repeating: "/a", count: 54),
    "UNIX:/run/app.sock", "app:80", "/run/app.sock",
  ])
  func `what is no endpoint is refused`(text: String) {
    #expect(Endpoint(text) == nil)
  }

  @Test func `the longest path fits and one byte more does not`() {
    #expect(UnixPath("/" + String(repeating: "a", count: UnixPath.bytesMax - 1)) != nil)
    #expect(UnixPath("/" + String(repeating: "a", count: UnixPath.bytesMax)) == nil)
  }
}
