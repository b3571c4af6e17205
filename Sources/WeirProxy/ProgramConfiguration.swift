import Metering
import Platform
import Proxy
import Shipping
import Usage
import Yams

/// Everything `weir-proxy` reads from its one file.
struct ProgramConfiguration {
  var proxy = ProxyConfiguration()
  var metering = MeteringConfiguration(workers: 1, sealedDirectory: "", routes: [], listeners: [])
  var shipping = ShippingConfiguration(allocatorURL: "", tokenFile: "", spoolDirectory: "")
  /// Whether an allocator is named; without one batches gather in the spool, and a warning says so.
  var isShippingOn = false
  var admin = SocketAddress("127.0.0.1:8602")
  var logLevel = "info"
  /// Where a new process may ask for the listeners; nil for nowhere.
  var upgradeSocket: String?
  /// How long a process that hands over waits until the new one serves. Default 60,000.
  var upgradeTimeoutMilliseconds = 60_000
  /// After how many seconds without a turn a worker is reported as stuck; 0 for never. Default 10.
  var watchdogSeconds = 10

  /// Reads a file's text; every fault with its place, and a configuration when there is none.
  static func read(_ text: String) -> (configuration: ProgramConfiguration, faults: [String]) {
    let faults = ConfigurationFaults()
    var configuration = ProgramConfiguration()
    do {
      let root = ConfigurationNode(try Yams.compose(yaml: text), faults: faults)
      configuration.take(root)
    } catch {
      faults.add("", "not valid YAML: \(error)")
    }
    let semantic = faults.faults.isEmpty ? configuration.proxy.validate() : []
    return (configuration, faults.faults + semantic + configuration.validate(faults.faults.isEmpty))
  }

  private func validate(_ isReadable: Bool) -> [String] {
    guard isReadable else { return [] }
    var faults = metering.faults().map { "metering: \($0)" }
    faults += shippingFaults() + lifeCycleFaults()
    if !["trace", "debug", "info", "notice", "warning", "error"].contains(logLevel) {
      faults.append(
        "log.level: \"\(logLevel)\" is not trace, debug, info, notice, warning or error")
    }
    return faults
  }

  private mutating func take(_ root: ConfigurationNode) {
    root.allow([
      "instance", "workers", "pin_workers", "admin", "listeners", "tenants", "upstreams", "routes",
      "resolver", "headers", "access_log", "tenant_limits", "limits", "overload", "timeouts",
      "metering", "shipping", "log", "upgrade_socket", "upgrade_timeout_ms",
      "watchdog_seconds",
    ])
    proxy.workers = root["workers"].integer(0)
    proxy.pinsWorkers = root["pin_workers"].boolean(false)
    takeLifeCycle(root)
    takeAdmin(root["admin"])
    let units = Self.units(root["metering"]["units"])
    proxy.listeners = root["listeners"].elements.compactMap(Self.listener)
    takeTenants(root["tenants"])
    proxy.upstreams = root["upstreams"].entries.map { Self.upstream($0.key, $0.value, units) }
    proxy.resolver = Self.resolver(root["resolver"])
    proxy.routes = root["routes"].elements.compactMap(Self.route)
    takeTenantLimits(root["tenant_limits"])
    takeHeaders(root["headers"])
    takeAccessLog(root["access_log"])
    takeLimits(root["limits"])
    takeTimeouts(root["timeouts"])
    takeOverload(root["overload"])
    takeMetering(root["metering"], instance: root["instance"], units: units)
    takeShipping(root["shipping"])
    root["log"].allow(["level"])
    logLevel = root["log"]["level"].string("info")
  }

  private mutating func takeAdmin(_ node: ConfigurationNode) {
    node.allow(["address"])
    let text = node["address"].string("127.0.0.1:8602")
    admin = SocketAddress(text)
    if admin == nil {
      node["address"].fault("\"\(text)\" is not ADDRESS:PORT with a numeric address")
    }
  }

  private static func listener(_ node: ConfigurationNode) -> ListenerConfiguration? {
    node.allow(
      edgeListenerKeys.union([
        "name", "address", "trusted", "denied", "accept_bare_line_feed", "underscore_names",
        "backlog",
      ]))
    let text = node["address"].requiredString()
    guard let address = SocketAddress(text) else {
      node["address"].fault("\"\(text)\" is not ADDRESS:PORT with a numeric address")
      return nil
    }
    var listener = ListenerConfiguration(name: node["name"].requiredString(), address: address)
    listener.trusted = ranges(node["trusted"])
    listener.denied = ranges(node["denied"])
    listener.acceptsBareLineFeed = node["accept_bare_line_feed"].boolean(false)
    let underscores = node["underscore_names"].string(listener.underscoreNames.rawValue)
    if let choice = UnderscoreChoice(rawValue: underscores) {
      listener.underscoreNames = choice
    } else {
      node["underscore_names"].fault("\"\(underscores)\" is not forward, drop or refuse")
    }
    listener.backlog = Int32(clamping: node["backlog"].integer(4_096))
    takeEdge(node, &listener)
    return listener
  }

  private static func ranges(_ node: ConfigurationNode) -> [AddressRange] {
    node.elements.compactMap { element in
      let text = element.requiredString()
      let range = AddressRange(text)
      if range == nil { element.fault("\"\(text)\" is not an address or ADDRESS/BITS") }
      return range
    }
  }

  private mutating func takeTenants(_ node: ConfigurationNode) {
    node.allow(["header", "register", "rules"])
    proxy.tenants.header = node["header"].string("x-weir-tenant")
    proxy.tenants.registerFile = node["register"].optionalString()
    proxy.tenants.rules = node["rules"].elements.compactMap(Self.rule)
  }

  private static func rule(_ node: ConfigurationNode) -> TenantRule? {
    node.allow(["header", "host", "path", "certificate", "fixed", "listeners", "fold_case"])
    let kinds = ["header", "host", "path", "certificate", "fixed"].filter { node[$0].exists }
    guard kinds.count == 1, let kind = kinds.first else {
      node.fault("needs exactly one of header, host, path, certificate, fixed")
      return nil
    }
    guard let source = source(kind, node[kind]) else { return nil }
    var rule = TenantRule(source)
    rule.listeners = node["listeners"].strings()
    rule.foldsCase = node["fold_case"].boolean(false)
    return rule
  }

  private static func source(_ kind: String, _ node: ConfigurationNode) -> TenantRule.Source? {
    switch kind {
    case "header":
      node.allow(["name"])
      return .header(node["name"].requiredString())
    case "certificate":
      node.allow(["name", "prefix"])
      return .certificate(
        node["name"].word(TLSSession.PeerName.uri), prefix: node["prefix"].string(""))
    case "host":
      let pattern = node.requiredString()
      guard pattern.hasPrefix("{tenant}") else {
        node.fault("must look like \"{tenant}.example.com\"")
        return nil
      }
      return .hostLabel(suffix: String(pattern.dropFirst("{tenant}".count)))
    case "path":
      let pattern = node.requiredString()
      guard pattern.hasSuffix("{tenant}") else {
        node.fault("must look like \"/t/{tenant}\"")
        return nil
      }
      return .pathSegment(prefix: String(pattern.dropLast("{tenant}".count)))
    default:
      let text = node.requiredString()
      guard let id = TenantID(text) else {
        node.fault("\"\(text)\" is not 1 to 128 of [A-Za-z0-9._:@-], first a letter or digit")
        return nil
      }
      return .fixed(id)
    }
  }

  private static func upstream(
    _ name: String, _ node: ConfigurationNode, _ units: [UnitDeclaration]
  ) -> UpstreamConfiguration {
    node.allow(upstreamKeys.union(["hints"]))
    var upstream = upstream(name, node)
    upstream.hints = hints(node["hints"], units)
    return upstream
  }

  private static func hints(
    _ node: ConfigurationNode, _ units: [UnitDeclaration]
  ) -> HintConfiguration {
    node.allow([
      "server_timing_cpu", "unit_fields", "orca_cpu", "orca_units", "cores", "pass_through",
    ])
    var hints = HintConfiguration()
    hints.cpuMetrics = node["server_timing_cpu"].strings()
    hints.cores = node["cores"].integer(hints.cores)
    hints.passesThrough = node["pass_through"].boolean(false)
    hints.orcaCPU = node["orca_cpu"].strings()
    hints.unitFields = unitFields(node["unit_fields"], units)
    hints.orcaUnits = unitFields(node["orca_units"], units)
    return hints
  }

  private static func unitFields(
    _ node: ConfigurationNode, _ units: [UnitDeclaration]
  ) -> [HintConfiguration.UnitField] {
    node.entries.map { field, value in
      let unit = value.requiredString()
      let index = units.firstIndex { $0.name == unit }
      if index == nil { value.fault("\"\(unit)\" is not declared in metering.units") }
      return HintConfiguration.UnitField(field: field, unit: index ?? 0)
    }
  }

  private static func route(_ node: ConfigurationNode) -> RouteConfiguration? {
    node.allow([
      "name", "host", "path", "upstream", "upgrades", "body_bytes_max", "allow_odd_paths",
      "priority", "retry_idempotent", "retry_statuses",
    ])
    let text = node["name"].requiredString()
    guard let name = RouteName(text) else {
      node["name"].fault("\"\(text)\" is not 1 to 64 of [A-Za-z0-9._-]")
      return nil
    }
    var route = RouteConfiguration(name: name, upstream: node["upstream"].requiredString())
    route.host = node["host"].optionalString()
    route.path = node["path"].string("/")
    route.priority = priority(node["priority"]) ?? .normal
    route.retries = retries(node)
    route.upgrades = node["upgrades"].strings(route.upgrades)
    if node["body_bytes_max"].exists {
      route.bodyBytesMax = UInt64(clamping: node["body_bytes_max"].integer(0))
    }
    if node["allow_odd_paths"].exists {
      route.allowsOddPaths = node["allow_odd_paths"].boolean(false)
    }
    return route
  }
}
