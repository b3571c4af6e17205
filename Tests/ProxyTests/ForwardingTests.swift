import HTTPCodec
import Platform
import Testing
import Usage

@testable import Proxy

/// What upstreams are told of clients, and what strangers cannot tell them.
@Suite struct ForwardingTests {
  /// The fields that the upstream gets, without request line and Host.
  static func forwarded(
    _ fields: String, from client: [UInt8] = [192, 0, 2, 1], isTrusted: Bool = false,
    version: String = "1.1",
    _ change: (inout HeaderConfiguration) -> Void = { _ in }
  ) throws -> [String] {
    var headers = HeaderConfiguration()
    headers.trace = .off
    change(&headers)
    var tenants = TenantConfiguration()
    tenants.rules = [TenantRule(.header("X-Tenant"))]
    var hints = HintConfiguration()
    hints.unitFields = [.init(field: "X-Tokens", unit: 0)]
    hints.cpuMetrics = ["cpu"]
    hints.orcaUnits = [.init(field: "tokens", unit: 0)]
    let policy = HeaderPolicy(tenants, headers: headers, hints: [hints])
    let parsed = try #require(ParsedRequest("GET / HTTP/\(version)\r\nHost: h:80\r\n\(fields)\r\n"))
    var random = RandomSource(state: (1, 2, 3, 4))
    let bytes = parsed.buffer.readable
    let context = HeaderPolicy.RequestContext(
      client: ClientAddress(client), isTrusted: isTrusted, tenant: nil, upgrades: false,
      wantsTrailers: false,
      trace: TraceContext(parsed.head, in: bytes, policy.trace, &random))
    let output = Buffer(capacity: 65_536)
    let fits = policy.writeRequest(parsed.head, in: bytes, context, to: output)
    #expect(fits)
    return Array(HeaderPolicyTests.lines(output).dropFirst(2))
  }

  static let ipv6: [UInt8] = [0x20, 0x01, 0x0D, 0xB8] + [UInt8](repeating: 0, count: 11) + [1]

  @Test func `Forwarded names the client, the scheme and the host`() throws {
    let lines = try Self.forwarded("") { $0.forwarding = .rfc7239 }

    #expect(lines == ["Forwarded: for=192.0.2.1;proto=http;host=\"h:80\"", "Via: 1.1 weir"])
  }

  @Test func `an IPv6 client stands in brackets and quotes`() throws {
    let lines = try Self.forwarded("", from: Self.ipv6) { $0.forwarding = .rfc7239 }

    #expect(lines[0] == "Forwarded: for=\"[2001:db8::1]\";proto=http;host=\"h:80\"")
  }

  @Test func `both kinds are written when both are asked for`() throws {
    let lines = try Self.forwarded("", from: Self.ipv6) { $0.forwarding = .both }

    #expect(
      lines == [
        "X-Forwarded-For: 2001:db8::1", "X-Forwarded-Proto: http", "X-Forwarded-Host: h:80",
        "Forwarded: for=\"[2001:db8::1]\";proto=http;host=\"h:80\"", "Via: 1.1 weir",
      ])
  }

  static let chain =
    "Forwarded: for=198.51.100.7\r\nForwarded: for=\"[2001:db8::2]\"\r\nX-Forwarded-For: 9.9.9.9\r\n"

  @Test func `a trusted peer's elements stay in front, a stranger's go`() throws {
    let trusted = try Self.forwarded(Self.chain, isTrusted: true) { $0.forwarding = .both }
    let stranger = try Self.forwarded(Self.chain) { $0.forwarding = .both }

    #expect(
      trusted[3]
        == "Forwarded: for=198.51.100.7, for=\"[2001:db8::2]\", for=192.0.2.1;proto=http;host=\"h:80\""
    )
    #expect(trusted[0] == "X-Forwarded-For: 9.9.9.9, 192.0.2.1")
    #expect(stranger[3] == "Forwarded: for=192.0.2.1;proto=http;host=\"h:80\"")
    #expect(stranger[0] == "X-Forwarded-For: 192.0.2.1")
  }

  @Test func `the kind that is not written passes from trusted peers as it came`() throws {
    let lines = try Self.forwarded(Self.chain, isTrusted: true) { $0.forwarding = .rfc7239 }

    #expect(lines.contains("X-Forwarded-For: 9.9.9.9"))
    #expect(lines.filter { $0.hasPrefix("Forwarded:") }.count == 1)
  }

  @Test func `Via says which version was received, behind what was there`() throws {
    let lines = try Self.forwarded("Via: 1.1 edge\r\n", version: "1.0")

    #expect(lines.filter { $0.hasPrefix("Via:") } == ["Via: 1.1 edge", "Via: 1.0 weir"])
  }

  @Test(arguments: [
    "X-Tokens: 9", "x_tokens: 9", "Server-Timing: cpu;dur=9", "X-Request-Id: evil",
    "x_tenant: evil", "endpoint-load-metrics: TEXT request_cost.tokens:9",
    "Endpoint-Load-Metrics-Bin: AAAA", "endpoint_load_metrics: x",
  ])
  func `what strangers say about costs and identity is removed`(field: String) throws {
    let lines = try Self.forwarded("\(field)\r\nA: 1\r\n")

    #expect(lines.filter { !$0.hasPrefix("X-Forwarded") } == ["A: 1", "Via: 1.1 weir"])
  }

  @Test(arguments: ["x_tenant: evil", "X.Tenant: evil", "x_tokens: 9"])
  func `an odd spelling of such a field is removed from everybody`(field: String) throws {
    let lines = try Self.forwarded("\(field)\r\nX-Tokens: 1\r\nA: 1\r\n", isTrusted: true)

    #expect(
      lines.filter { !$0.hasPrefix("X-Forwarded") } == ["X-Tokens: 1", "A: 1", "Via: 1.1 weir"])
  }

  static let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

  @Test func `tracestate goes with a valid traceparent and not without`() throws {
    let state = "tracestate: a=1\r\ntracestate: b=2\r\n"
    let valid = try Self.forwarded("traceparent: \(Self.parent)\r\n" + state) { $0.trace = .create }
    let alone = try Self.forwarded(state) { $0.trace = .pass }
    let created = try Self.forwarded("traceparent: x\r\n" + state) { $0.trace = .create }
    let unread = try Self.forwarded("traceparent: x\r\n" + state)

    #expect(
      valid.prefix(3) == ["traceparent: \(Self.parent)", "tracestate: a=1", "tracestate: b=2"])
    #expect(!alone.contains { $0.hasPrefix("trace") })
    #expect(created.filter { $0.hasPrefix("trace") }.count == 1)
    #expect(try #require(created.last).hasPrefix("traceparent: 00-"))
    #expect(unread.prefix(3) == ["traceparent: x", "tracestate: a=1", "tracestate: b=2"])
  }
}
