import HTTPCodec
import Platform
import Testing
import Usage

@testable import Proxy

@Suite struct TenantResolverTests {
  /// The id that the rules yield for a request, or the reserved tenant that it falls to.
  static func resolve(
    _ rules: [TenantRule], _ request: String, listener: String = "public", isTrusted: Bool = true
  ) throws -> String {
    var configuration = TenantConfiguration()
    configuration.rules = rules
    let parsed = try #require(ParsedRequest(request))
    let scratch = Buffer(capacity: TenantID.bytesMax)
    let bytes = parsed.buffer.readable
    let resolution = TenantResolver(configuration, listener: listener).resolve(
      parsed.head, host: hostRange(of: parsed.head.authority, in: bytes), in: bytes,
      isTrusted: isTrusted, into: scratch)
    switch resolution {
    case .resolved: return scratch.text
    case .unattributed: return "~unattributed"
    case .invalid: return "~invalid"
    }
  }

  static func request(host: String = "h", path: String = "/", fields: String = "") -> String {
    "GET \(path) HTTP/1.1\r\nHost: \(host)\r\n\(fields)\r\n"
  }

  @Test(arguments: [
    ("", "~unattributed"), ("X-Tenant: acme\r\n", "acme"), ("x-TENANT: Acme\r\n", "Acme"),
    ("X-Tenant:  acme \t\r\n", "acme"), ("X-Tenant: \r\n", "~invalid"),
    ("X-Tenant: a b\r\n", "~invalid"), ("X-Tenant: ~overflow\r\n", "~invalid"),
    ("X-Tenant: -a\r\n", "~invalid"), ("X-Tenant: a,b\r\n", "~invalid"),
    ("X-Tenant: a\r\nX-Tenant: a\r\n", "~invalid"), ("X-Tenant: a\r\nx-tenant: b\r\n", "~invalid"),
    ("X-Tenant: a\r\nConnection: x-tenant\r\n", "~invalid"), ("X_Tenant: a\r\n", "~unattributed"),
    ("X-Tenant-Id: a\r\n", "~unattributed"), ("X-Tenant: \u{e9}\r\n", "~invalid"),
  ])
  func `a header asserts one valid id or none`(fields: String, tenant: String) throws {
    let rules = [TenantRule(.header("X-Tenant"))]

    #expect(try Self.resolve(rules, Self.request(fields: fields)) == tenant)
  }

  @Test func `a header of a peer that is not trusted is as good as absent`() throws {
    let rules = [TenantRule(.header("X-Tenant")), TenantRule(.fixed(TenantID("fixed")!))]
    let good = Self.request(fields: "X-Tenant: acme\r\n")
    let bad = Self.request(fields: "X-Tenant: a b\r\n")

    #expect(try Self.resolve(rules, good, isTrusted: false) == "fixed")
    #expect(try Self.resolve([rules[0]], bad, isTrusted: false) == "~unattributed")
  }

  @Test(arguments: [
    ("acme.example.com", "acme"), ("acme.example.com:8080", "acme"), ("ACME.Example.COM", "ACME"),
    ("example.com", "~unattributed"), ("a.b.example.com", "~unattributed"),
    ("acme.example.org", "~unattributed"), ("acmeexample.com", "~unattributed"),
    ("-a.example.com", "~invalid"), ("a_b.example.com", "a_b"), ("a~b.example.com", "~invalid"),
  ])
  func `a host's label before the suffix is an id`(host: String, tenant: String) throws {
    let rules = [TenantRule(.hostLabel(suffix: ".example.com"))]

    #expect(try Self.resolve(rules, Self.request(host: host)) == tenant)
  }

  @Test(arguments: [
    ("/t/acme", "acme"), ("/t/acme/", "acme"), ("/t/acme/x?y", "acme"), ("/t/acme?x=/b", "acme"),
    ("/t/", "~unattributed"), ("/t//x", "~unattributed"), ("/t", "~unattributed"),
    ("/T/acme", "~unattributed"), ("/x/t/acme", "~unattributed"), ("/t/%61", "~invalid"),
    ("/t/a%2Fb", "~invalid"), ("/t/..", "~invalid"),
  ])
  func `a path's segment behind the prefix is an id`(path: String, tenant: String) throws {
    let rules = [TenantRule(.pathSegment(prefix: "/t/"))]

    #expect(try Self.resolve(rules, Self.request(path: path)) == tenant)
  }

  @Test func `letters are folded only by a rule that says so`() throws {
    var folding = TenantRule(.hostLabel(suffix: ".h"))
    folding.foldsCase = true

    #expect(
      try Self.resolve([folding], Self.request(host: "AZaz[09".dropLast(3) + "-09.h")) == "azaz-09")
    #expect(
      try Self.resolve([TenantRule(.hostLabel(suffix: ".h"))], Self.request(host: "Ab.h")) == "Ab")
  }

  @Test func `the first rule with a valid id wins, and a bad one is only remembered`() throws {
    let rules = [
      TenantRule(.header("X-Tenant")), TenantRule(.hostLabel(suffix: ".h")),
      TenantRule(.pathSegment(prefix: "/t/")),
    ]
    func resolve(_ header: String, _ host: String, _ path: String) throws -> String {
      try Self.resolve(
        rules,
        Self.request(
          host: host, path: path, fields: header.isEmpty ? "" : "X-Tenant: \(header)\r\n"))
    }

    #expect(try resolve("a", "b.h", "/t/c") == "a")
    #expect(try resolve("", "b.h", "/t/c") == "b")
    #expect(try resolve("~", "b.h", "/t/c") == "b")
    #expect(try resolve("~", "x.h.h", "/t/c") == "c")
    #expect(try resolve("~", "h", "/") == "~invalid")
    #expect(try resolve("", "-.h", "/") == "~invalid")
    #expect(try resolve("", "h", "/") == "~unattributed")
  }

  @Test func `a rule is for the listeners that it names, or for all`() throws {
    var named = TenantRule(.fixed(TenantID("inside")!))
    named.listeners = ["internal"]
    let rules = [named, TenantRule(.fixed(TenantID("all")!))]

    #expect(try Self.resolve(rules, Self.request(), listener: "internal") == "inside")
    #expect(try Self.resolve(rules, Self.request(), listener: "public") == "all")
    #expect(try Self.resolve([named], Self.request(), listener: "public") == "~unattributed")
  }

  @Test func `an id of 128 bytes is taken and one of 129 is not`() throws {
    let rules = [TenantRule(.header("X-Tenant"))]
    let longest = String(repeating: "a", count: 128)

    #expect(try Self.resolve(rules, Self.request(fields: "X-Tenant: \(longest)\r\n")) == longest)
    #expect(
      try Self.resolve(rules, Self.request(fields: "X-Tenant: \(longest)a\r\n")) == "~invalid")
  }
}
