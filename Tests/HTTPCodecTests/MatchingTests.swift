import HTTPCodec
import Testing

/// The parts that heads are made of: names, tokens, lists, authorities.
struct MatchingTests {
  private func range(_ text: String) -> ByteRange {
    ByteRange(start: 0, count: text.utf8.count)
  }

  @Test(arguments: KnownField.allCases)
  func `a known name is recognised in any case, and nothing near it is`(_ known: KnownField) {
    let name = "\(known.lowercaseName)"
    guard !name.isEmpty else { return }

    #expect(recognised(name) == known)
    #expect(recognised(name.uppercased()) == known)
    #expect(recognised(name + "x") != known)
    #expect(recognised(String(name.dropLast()) + "0") != known)
    #expect(recognised(String(name.dropLast())) != known)
  }

  @Test(arguments: [
    ("X-Forwarded-Port", KnownField.xForwardedOther), ("x-forwarded-", .other),
    ("Proxy-Status", .proxyOther), ("proxy-", .other), ("Proxys-A", .other), ("X", .other),
    ("X-Forwardedx-Port", .other),
  ])
  func `families are told by their prefix`(name: String, known: KnownField) {
    #expect(recognised(name) == known)
  }

  private func recognised(_ name: String) -> KnownField? {
    let block = Array("\(name): close\r\n\r\n".utf8)
    var fields: ContiguousArray<Field> = []
    let fault = withSpan(block) { parseTrailers($0, into: &fields) }
    return fault == nil ? fields.first?.known : nil
  }

  @Test func `every byte of a name is a token byte`() {
    let letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    let token = Set((letters + "!#$%&'*+-.^_`|~").utf8)
    for byte in UInt8.min...UInt8.max where byte != UInt8(ascii: ":") {
      for position in [0, 1, 7, 8, 9] {
        var name = Array("abcdefghij".utf8)
        name[position] = byte
        let block = name + Array(": a\r\n\r\n".utf8)
        var fields: ContiguousArray<Field> = []

        let fault = withSpan(block) { parseTrailers($0, into: &fields) }

        #expect((fault == nil) == token.contains(byte), "byte \(byte) at \(position)")
        let isPlain = Set((letters + "-").utf8).contains(byte)
        #expect(fault != nil || fields[0].isOddlySpelled == !isPlain)
      }
    }
  }

  @Test func `every byte of a value is text or a tab`() {
    for byte in UInt8.min...UInt8.max {
      for position in [0, 1, 7, 8, 9] {
        var value = Array("abcdefghij".utf8)
        value[position] = byte
        let block = Array("x: ".utf8) + value + Array("\r\n\r\n".utf8)
        var fields: ContiguousArray<Field> = []

        let fault = withSpan(block) { parseTrailers($0, into: &fields) }

        #expect((fault == nil) == (byte == 9 || byte >= 32 && byte != 127), "byte \(byte)")
      }
    }
  }

  @Test func `every byte of a target is visible ASCII but the number sign`() {
    for byte in UInt8.min...UInt8.max where byte != 32 {
      let bytes = Array("GET /a".utf8) + [byte] + Array("b HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
      let isVisible = byte > 32 && byte < 127 && byte != UInt8(ascii: "#")

      #expect((parseRequest(bytes).code == nil) == isVisible, "byte \(byte)")
    }
  }

  @Test(arguments: [
    ("a, b,c", ["a", "b", "c"]), ("", []), (" , ,", []), ("a", ["a"]), (",a ,\t b", ["a", "b"]),
    ("a=\"b, c\", d", ["a=\"b, c\"", "d"]), ("\"a\\\",b\",c", ["\"a\\\",b\"", "c"]),
    ("\"a, b", ["\"a, b"]),
  ])
  func `a list has elements`(value: String, elements: [String]) {
    let bytes = Array(value.utf8)
    var list = TokenList(range(value))
    var found: [String] = []

    withSpan(bytes) {
      while let element = list.next($0) { found.append(text(element, bytes)) }
    }

    #expect(found == elements)
  }

  @Test(
    arguments: [
      ("a", "a", nil), ("A.b-c_d~", "A.b-c_d~", nil), ("a:1", "a", 1), ("a:65535", "a", 65_535),
      ("127.0.0.1:80", "127.0.0.1", 80), ("[::1]", "[::1]", nil), ("[::]:80", "[::]", 80),
      ("[1:2:3:4:5:6:7:8]", "[1:2:3:4:5:6:7:8]", nil), ("[1::8]", "[1::8]", nil),
      ("[1:2:3:4:5:6:7::]", "[1:2:3:4:5:6:7::]", nil),
      ("[::ffff:1.2.3.4]", "[::ffff:1.2.3.4]", nil),
      ("[1:2:3:4:5:6:1.2.3.4]", "[1:2:3:4:5:6:1.2.3.4]", nil),
    ] as [(String, String, Int?)])
  func `an authority is a host and perhaps a port`(value: String, host: String, port: Int?) {
    let bytes = Array(value.utf8)

    let authority = withSpan(bytes) { Authority.parse(range(value), in: $0) }

    #expect(authority.map { text($0.host, bytes) } == host && authority?.port == port)
  }

  @Test(arguments: [
    "", ":1", "a:", "a:0", "a:65536", "a:000001", "a:1a", "a b", "a,b", "u@a", "a/b", "a%41", "a;b",
    "[", "[]", "[:]", "[1]", "[1:]", "[:1]", "[1:2:3:4:5:6:7]", "[1:2:3:4:5:6:7:8:9]",
    "[1:2:3:4:5:6:7:8::]", "[::1::]", "[:::1]", "[12345::]", "[g::]", "[::1", "[::1]x", "[::1]:",
    "[::1.2.3]", "[::1.2.3.4.5]", "[::256.1.1.1]", "[1.2.3.4]", "[::1%25a]", "[v1.a]",
    "[1:2:3:4:5:6:7:1.2.3.4]", "[::1.2.3.4:1]", "[1 ::]",
  ])
  func `what is not an authority is refused`(_ value: String) {
    let bytes = Array(value.utf8)

    #expect(withSpan(bytes) { Authority.parse(range(value), in: $0) } == nil)
  }

  @Test func `a host name has at most 255 bytes`() {
    for count in [255, 256] {
      let bytes = [UInt8](repeating: UInt8(ascii: "a"), count: count)
      let whole = ByteRange(start: 0, count: count)

      #expect((withSpan(bytes) { Authority.parse(whole, in: $0) } != nil) == (count == 255))
    }
  }

  @Test func `case is ignored for letters only`() {
    let bytes = Array("X-Tenant X_TENANT [{@`".utf8)
    let dashed = ByteRange(start: 0, count: 8)
    let folded = ByteRange(start: 9, count: 8)
    let name = Array("x-tenant".utf8)

    #expect(withSpan(bytes) { $0.matches(dashed, lowercase: "x-tenant") })
    #expect(withSpan(bytes) { $0.matches(dashed, lowercase: name) })
    #expect(withSpan(bytes) { !$0.matches(dashed, lowercase: "x-tenan") })
    #expect(withSpan(bytes) { !$0.matches(folded, lowercase: "x-tenant") })
    #expect(withSpan(bytes) { !$0.matches(dashed, folded) })
    for at in [18, 20] {
      let one = ByteRange(start: at, count: 1)
      let other = ByteRange(start: at + 1, count: 1)
      #expect(withSpan(bytes) { !$0.matches(one, other) && $0.matches(one, one) })
    }
  }

  @Test func `an alias is what gateways fold to the same name`() {
    let bytes = Array("X-Tenant X_TENANT x.tenanu".utf8)
    let name = Array("x-tenant".utf8)

    let found = [0, 9, 18].map { start in
      withSpan(bytes) { $0.aliases(ByteRange(start: start, count: 8), lowercase: name) }
    }

    #expect(found == [true, true, false])
  }

  @Test func `exact comparison keeps case`() {
    let bytes = Array("X-Tenant".utf8)
    let whole = ByteRange(start: 0, count: 8)

    #expect(withSpan(bytes) { $0.isEqual(whole, to: "X-Tenant") })
    #expect(withSpan(bytes) { !$0.isEqual(whole, to: "x-tenant") })
  }

  @Test func `a range outside of the bytes matches nothing`() {
    let bytes = Array("ab".utf8)
    let outside = ByteRange(start: 1, count: 2)

    #expect(withSpan(bytes) { !$0.matches(outside, lowercase: "bc") })
    #expect(withSpan(bytes) { !$0.isEqual(outside, to: "bc") })
  }
}
