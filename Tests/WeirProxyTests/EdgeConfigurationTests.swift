import Testing

@testable import Proxy
@testable import WeirProxy

/// Keys about who connects, and about the fields that Weir writes.
struct EdgeConfigurationTests {
  private static func read(
    listener: String = "", more: String = ""
  ) -> (configuration: ProgramConfiguration, faults: [String]) {
    ProgramConfiguration.read(
      """
      listeners:
        - { name: main, address: "[::1]:0", trusted: ["::1"]\(listener) }
      upstreams:
        app: { addresses: ["[::1]:9000"] }
      routes:
        - { name: all, upstream: app }
      metering: { directory: /tmp/x }
      \(more)
      """)
  }

  @Test func `a listener's keys are taken over`() {
    let (configuration, faults) = Self.read(
      listener: ", proxy_protocol: true, v6_only: true")

    #expect(faults == [])
    let listener = configuration.proxy.listeners[0]
    #expect(listener.expectsProxyHeader && listener.isIPv6Only)
  }

  @Test func `the fields that Weir writes are taken over`() {
    let (configuration, faults) = Self.read(
      more: "headers: { forwarded: both, trace: off, request_id: X-Id, request_id_to_client: true }"
    )

    #expect(faults == [])
    let headers = configuration.proxy.headers
    #expect(headers.forwarding == .both && headers.trace == .off)
    #expect(headers.requestID == "X-Id" && headers.returnsRequestID)
  }

  @Test func `an access log is taken over, and there is none by default`() {
    let (configuration, faults) = Self.read(
      listener: ", access_log: false",
      more: "access_log: { file: /x, sample: 0.01, always: [5xx, own], query: true }")

    #expect(faults == [])
    var log = AccessLogConfiguration(file: "/x")
    log.sample = 0.01
    log.always = [.status5xx, .own]
    log.keepsQuery = true
    #expect(configuration.proxy.accessLog == log)
    #expect(!configuration.proxy.listeners[0].writesAccessLog)
    #expect(Self.read().configuration.proxy.accessLog == nil)
  }

  @Test(arguments: [
    ("access_log: { sample: 1 }", "access_log.file: is missing"),
    ("access_log: { file: x, sample: much }", "access_log.sample: must be a decimal number"),
    ("access_log: { file: x, sample: 2 }", "access_log.sample: must be 0 to 1"),
    ("access_log: { file: x, always: [6xx] }", "access_log.always: \"6xx\" is none of"),
    ("access_log: { path: x }", "unknown key \"path\""),
  ])
  func `a fault of the access log is named`(more: String, fault: String) {
    let faults = Self.read(more: more).faults

    #expect(faults.contains { $0.contains(fault) }, "\(faults)")
  }

  @Test func `off means that there is no request id`() {
    let (configuration, faults) = Self.read(more: "headers: { request_id: off }")

    #expect(faults == [])
    #expect(configuration.proxy.headers.requestID == nil)
  }

  @Test func `a listener with PROXY headers must say from whom`() {
    let faults = ProgramConfiguration.read(
      """
      listeners:
        - { name: main, address: "127.0.0.1:0", proxy_protocol: true }
      upstreams:
        app: { addresses: ["127.0.0.1:9000"] }
      routes:
        - { name: all, upstream: app }
      """
    ).faults

    #expect(faults.contains { $0.hasPrefix("listeners[0].proxy_protocol: needs trusted") })
  }
}
