import Proxy
import Usage

extension ProgramConfiguration {
  /// Reads `tenant_limits`.
  mutating func takeTenantLimits(_ node: ConfigurationNode) {
    node.allow(["default", "classes", "tenants", "headers", "cells_max"])
    var limits = TenantLimitConfiguration()
    if node["default"].exists {
      node["default"].allow(Self.limitKeys)
      limits.defaultLimit = Self.tenantLimit(node["default"])
    }
    for (name, value) in node["classes"].entries {
      value.allow(Self.limitKeys)
      limits.classes[name] = Self.tenantLimit(value)
    }
    for (text, value) in node["tenants"].entries {
      value.allow(Self.limitKeys.union(["plan"]))
      guard let id = TenantID(stored: text) else {
        value.fault("\"\(text)\" is neither a tenant id nor a reserved one")
        continue
      }
      var planned = PlannedTenantLimit()
      planned.plan = value["plan"].optionalString()
      planned.own = Self.tenantLimit(value)
      limits.tenants[id] = planned
    }
    limits.sendsFields = node["headers"].boolean(false)
    limits.cellsMax = node["cells_max"].integer(limits.cellsMax)
    proxy.tenantLimits = limits
  }

  private static let limitKeys: Set<String> = [
    "requests_per_second", "burst", "bytes_per_second", "bytes_burst", "concurrent_requests",
    "open_streams", "blocked", "priority",
  ]

  private static func tenantLimit(_ node: ConfigurationNode) -> TenantLimit {
    func number(_ key: String) -> Int? { node[key].exists ? node[key].integer(1_024) : nil }
    var limit = TenantLimit()
    limit.requestsPerSecond = number("requests_per_second")
    limit.burst = number("burst")
    limit.bytesPerSecond = number("bytes_per_second")
    limit.bytesBurst = number("bytes_burst")
    limit.concurrentRequests = number("concurrent_requests")
    limit.openStreams = number("open_streams")
    if node["blocked"].exists { limit.isBlocked = node["blocked"].boolean(false) }
    limit.priority = priority(node["priority"])
    return limit
  }

  /// Reads `overload`.
  mutating func takeOverload(_ node: ConfigurationNode) {
    node.allow([
      "memory_bytes_max", "close_percent", "shed_percent", "stop_percent", "leave_percent",
    ])
    func read(_ key: String, _ value: inout Int) { value = node[key].integer(value) }
    read("memory_bytes_max", &proxy.overload.memoryBytesMax)
    read("close_percent", &proxy.overload.closePercent)
    read("shed_percent", &proxy.overload.shedPercent)
    read("stop_percent", &proxy.overload.stopPercent)
    read("leave_percent", &proxy.overload.leavePercent)
  }

  /// A priority, nil when it is absent.
  static func priority(_ node: ConfigurationNode) -> RequestPriority? {
    guard let text = node.optionalString() else { return nil }
    let priority = RequestPriority(text)
    if priority == nil { node.fault("\"\(text)\" is not low, normal or high") }
    return priority
  }
}
