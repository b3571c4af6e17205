import Testing
import Usage

@testable import Proxy
@testable import WeirProxy

struct TenantLimitConfigurationTests {
  private static let head = """
    listeners:
      - { name: main, address: "127.0.0.1:0" }
    upstreams:
      app: { addresses: ["127.0.0.1:9000"] }
    routes:
      - { name: all, upstream: app }
    metering: { directory: /tmp/x }
    tenant_limits:

    """

  @Test func `limits are read with their plans`() throws {
    let (configuration, faults) = ProgramConfiguration.read(
      Self.head + """
          headers: true
          cells_max: 100
          default: { requests_per_second: 10, burst: 20 }
          classes:
            gold: { bytes_per_second: 1_000_000, bytes_burst: 2000000, priority: high }
          tenants:
            acme: { plan: gold, concurrent_requests: 3, open_streams: 0 }
            "~unattributed": { blocked: true }

        """)

    let limits = configuration.proxy.tenantLimits
    let acme = limits.resolved(try #require(limits.tenants[TenantID("acme")!]))
    #expect(faults == [])
    #expect(limits.sendsFields)
    #expect(limits.cellsMax == 100)
    #expect(limits.defaultLimit?.requestsPerSecond == 10)
    #expect(limits.defaultLimit?.burst == 20)
    #expect(acme.bytesPerSecond == 1_000_000)
    #expect(acme.bytesBurst == 2_000_000)
    #expect(acme.priority == .high)
    #expect(acme.concurrentRequests == 3)
    #expect(acme.openStreams == 0)
    #expect(limits.tenants[.unattributed]?.own.isBlocked == true)
  }

  @Test(arguments: [
    ("  default: { speed: 1 }", "unknown key \"speed\""),
    ("  default: { plan: gold }", "unknown key \"plan\""),
    ("  default: { requests_per_second: 0 }", "tenant_limits.default.requests_per_second: must be"),
    ("  default: { bytes_per_second: 10 }", "tenant_limits.default.bytes_per_second: must be 1024"),
    ("  classes: { gold: { burst: 0 } }", "tenant_limits.classes.gold.burst: must be 1"),
    ("  tenants: { acme: { plan: gold } }", "there is no class \"gold\""),
    ("  tenants: { \"no spaces\": { blocked: true } }", "is neither a tenant id nor"),
    ("  tenants: { acme: { priority: top } }", "\"top\" is not low, normal or high"),
    ("  tenants: { acme: { blocked: perhaps } }", "must be true or false"),
    ("  cells_max: 1", "tenant_limits.cells_max: must be 8"),
  ])
  func `a fault is named with its place`(line: String, fault: String) {
    let faults = ProgramConfiguration.read(Self.head + line + "\n").faults

    #expect(faults.contains { $0.contains(fault) }, "\(faults)")
  }

  private static let plain = head.replacing("tenant_limits:\n", with: "")

  @Test(arguments: [
    ("overload: { stop_percent: 90 }", "overload: 10 <= close_percent < shed_percent"),
    ("overload: { memory_bytes_max: 5 }", "overload.memory_bytes_max: must be 0, or from"),
    ("overload: { leave_percent: 0 }", "overload.leave_percent: must be 1"),
    ("limits: { connections_per_address_max: -1 }", "limits.connections_per_address_max: must be"),
  ])
  func `a fault of overload and address bounds is named`(line: String, fault: String) {
    let faults = ProgramConfiguration.read(Self.plain + line + "\n").faults

    #expect(faults.contains { $0.contains(fault) }, "\(faults)")
  }

  @Test func `denied ranges, priorities and overload are read`() {
    let (configuration, faults) = ProgramConfiguration.read(
      """
      listeners:
        - { name: main, address: "127.0.0.1:0", denied: ["10.0.0.0/8", "::1"] }
      upstreams:
        app: { addresses: ["127.0.0.1:9000"] }
      routes:
        - { name: all, upstream: app, priority: low }
      limits: { connections_per_address_max: 7 }
      overload: { memory_bytes_max: 100000000, close_percent: 50 }
      metering: { directory: /tmp/x }

      """)

    #expect(faults == [])
    #expect(configuration.proxy.listeners[0].denied.count == 2)
    #expect(configuration.proxy.routes[0].priority == .low)
    #expect(configuration.proxy.limits.connectionsPerAddressMax == 7)
    #expect(configuration.proxy.overload.memoryBytesMax == 100_000_000)
    #expect(configuration.proxy.overload.closePercent == 50)
  }
}
