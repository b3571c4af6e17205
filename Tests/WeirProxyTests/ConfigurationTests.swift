import Foundation
import Metering
import Shipping
import Testing
import Usage

@testable import Proxy
@testable import WeirProxy

struct ConfigurationTests {
  static let root = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  private static let minimal = """
    listeners:
      - { name: main, address: "127.0.0.1:0" }
    upstreams:
      app: { addresses: ["127.0.0.1:9000"] }
    routes:
      - { name: all, upstream: app }
    metering: { directory: /tmp/x }

    """

  private static func example() throws -> String {
    try String(
      contentsOf: root.appendingPathComponent("config/weir-proxy.example.yaml"), encoding: .utf8)
  }

  @Test func `the example configuration has no fault`() throws {
    let (configuration, faults) = ProgramConfiguration.read(try Self.example())

    #expect(faults == [])
    #expect(configuration.proxy.routes.map(\.name.text) == ["api", "web", "partner", "rest"])
    #expect(configuration.proxy.upstreams.first?.hints.cpuMetrics == ["cpu"])
  }

  @Test func `the values in the example are the defaults where it says so`() throws {
    let example = ProgramConfiguration.read(try Self.example()).configuration
    let defaults = ProgramConfiguration.read(Self.minimal).configuration

    #expect(example.proxy.limits == defaults.proxy.limits)
    #expect(example.proxy.timeouts == defaults.proxy.timeouts)
    #expect(example.proxy.headers == defaults.proxy.headers)
    #expect(example.proxy.workers == defaults.proxy.workers)
    #expect(example.proxy.tenants.header.lowercased() == defaults.proxy.tenants.header)
    #expect(example.admin == defaults.admin)
    #expect(example.logLevel == defaults.logLevel)
    #expect(example.metering.intervalSeconds == defaults.metering.intervalSeconds)
    #expect(example.metering.cardinalityLimit == defaults.metering.cardinalityLimit)
    #expect(example.metering.activeDirectory == defaults.metering.activeDirectory)
    #expect(example.shipping.spoolBytesMax == defaults.shipping.spoolBytesMax)
    #expect(example.shipping.retryMaxMilliseconds == defaults.shipping.retryMaxMilliseconds)
    #expect(
      example.shipping.acknowledgedRetentionSeconds
        == defaults.shipping.acknowledgedRetentionSeconds)
  }

  @Test func `a minimal configuration is enough`() {
    #expect(ProgramConfiguration.read(Self.minimal).faults == [])
  }

  @Test(arguments: [
    ("colour: red", "unknown key \"colour\""),
    ("workers: many", "workers: must be a whole number"),
    ("pin_workers: maybe", "pin_workers: must be true or false"),
    ("admin: { address: localhost }", "admin.address: \"localhost\" is not ADDRESS:PORT"),
    ("upgrade_socket: upgrade", "upgrade_socket: must be an absolute path"),
    ("upgrade_timeout_ms: 99", "upgrade_timeout_ms: must be 100 to 3600000"),
    ("watchdog_seconds: 3601", "watchdog_seconds: must be 0 (off) to 3600"),
    ("log: { level: loud }", "log.level: \"loud\""),
    ("limits: { buffer_bytes: 1000 }", "limits.buffer_bytes: must be"),
    ("timeouts: { drain_ms: 0 }", "timeouts.drain_ms: must be"),
    ("tenants: { rules: [{ header: { name: Host } }] }", "cannot carry a tenant"),
    ("tenants: { rules: [{ host: example.com }] }", "must look like"),
    ("tenants: { rules: [{ fixed: a, path: \"/{tenant}\" }] }", "exactly one of"),
    ("tenants: { rules: [{ fixed: \"~x\" }] }", "is not 1 to 128"),
    ("shipping: { url: \"ftp://x\", token_file: t }", "shipping:"),
    ("instance: \"no spaces\"", "instance"),
    ("headers: { forwarded: all }", "headers.forwarded: must be one of x_forwarded, rfc7239, both"),
    ("headers: { trace: maybe }", "headers.trace: must be one of create, pass, off"),
    ("headers: { request_id: \"a b\" }", "headers.request_id: \"a b\" cannot carry"),
  ])
  func `a fault is named with its place`(line: String, fault: String) {
    let faults = ProgramConfiguration.read(Self.minimal + line + "\n").faults

    #expect(faults.contains { $0.contains(fault) }, "\(faults)")
  }

  @Test func `all faults are named at once`() {
    let text = """
      listeners:
        - { name: main, address: nowhere, trusted: [everybody] }
      upstreams:
        app: { addresses: [] }
      routes:
        - { name: "a b", upstream: app }
        - { name: c, upstream: other, speed: 9 }
      """

    let faults = ProgramConfiguration.read(text).faults

    for expected in ["listeners[0].address", "routes[0].name", "routes[1]: unknown key \"speed\""] {
      #expect(faults.contains { $0.contains(expected) }, "\(expected) is missing in \(faults)")
    }
  }

  @Test(arguments: ["", "- a\n- b", "listeners: {", "42", "listeners: \"text\"", "routes: [1, 2]"])
  func `text that is no configuration is refused and nothing traps`(text: String) {
    #expect(!ProgramConfiguration.read(text).faults.isEmpty)
  }

  @Test func `every metric of a worker is in the reference`() throws {
    let page = try String(
      contentsOf: Self.root.appendingPathComponent("docs/reference/metrics.md"), encoding: .utf8)
    for cell in WorkerCounters.Cell.allCases {
      #expect(page.contains(cell.metric.name), "\(cell.metric.name) is not documented")
    }
    let source = try String(
      contentsOf: Self.root.appendingPathComponent("Sources/WeirProxy/MetricsPage.swift"),
      encoding: .utf8)
    for match in source.matches(of: /"(weir_[a-z_]+)"/) {
      #expect(page.contains(match.output.1), "\(match.output.1) is not documented")
    }
  }
}
