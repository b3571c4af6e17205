/// Where the allocator fetches an external series itself: a Prometheus, and what to ask it.
public struct SeriesSource: Hashable, Sendable {
  /// The name of the series.
  public var name: String
  /// The address of the Prometheus, `http` or `https`.
  public var url: String
  /// The query, in PromQL.
  public var query: String
  /// The label that names the tenant.
  public var label: String
  /// What the samples measure.
  public var sample: SampleKind
  /// The unit that is wanted.
  public var unit: SeriesUnit
  /// Seconds between samples.
  public var stepSeconds: Int64
  /// A file with a bearer token, if one is needed.
  public var tokenFile: String?
  /// A file with the certificates to trust instead of the system's.
  public var caFile: String?
  /// Which tenant a label means.
  public var labels: TenantLabels

  /// What to make of the answer for a period; throws `unusableCosts`.
  public func question(_ period: Period) throws(AccountingError) -> PrometheusQuestion {
    try PrometheusQuestion(
      name: name, period: period, label: label, sample: sample, unit: unit,
      stepSeconds: stepSeconds, labels: labels)
  }

  /// Reads a document of sources; throws all faults at once, each with its path and line.
  public static func decode(_ root: PolicyNode) throws(DocumentFaults) -> [SeriesSource] {
    var reader = SeriesSourceReader()
    let sources = reader.sources(root)
    guard reader.faults.isEmpty else { throw DocumentFaults(reader.faults) }
    return sources
  }
}

/// Walks a document of sources.
private struct SeriesSourceReader {
  private var reader = PolicyReader()

  var faults: [String] { reader.faults.map(\.description) }

  private static let keys = [
    "name", "url", "query", "label", "sample", "unit", "step_seconds", "token_file", "ca_file",
    "tenants",
  ]

  mutating func sources(_ root: PolicyNode) -> [SeriesSource] {
    guard let map = reader.map(root, "", keys: ["version", "series"]),
      let version = reader.require("version", in: map, of: root, ""),
      let list = reader.require("series", in: map, of: root, "")
    else { return [] }
    if reader.text(version, "version").map({ $0 != "1" }) == true {
      reader.fail("version", version, "must be 1")
    }
    var found: [SeriesSource] = []
    for (index, node) in (reader.list(list, "series") ?? []).enumerated() {
      guard let source = source(node, "series[\(index)]") else { continue }
      if found.contains(where: { $0.name == source.name }) {
        reader.fail("series[\(index)].name", node, "\(source.name) stands twice")
      }
      found.append(source)
    }
    return found
  }

  private mutating func source(_ node: PolicyNode, _ path: String) -> SeriesSource? {
    guard let map = reader.map(node, path, keys: Self.keys) else { return nil }
    let name = text("name", map, node, path)
    let url = text("url", map, node, path)
    let query = text("query", map, node, path)
    let label = text("label", map, node, path)
    if let url, !url.hasPrefix("http://"), !url.hasPrefix("https://") {
      reader.fail("\(path).url", map["url"], "is not an http or https address")
    }
    let kind = text("sample", map, node, path)
    let sample = kind.flatMap { SampleKind(rawValue: $0) }
    if let kind, sample == nil {
      let names = SampleKind.allCases.map(\.rawValue).joined(separator: ", ")
      reader.fail("\(path).sample", map["sample"], "must be one of \(names), not \"\(kind)\"")
    }
    let unitName = text("unit", map, node, path)
    let unit = unitName.flatMap { SeriesUnit($0) }
    if let unitName, unit == nil {
      reader.fail("\(path).unit", map["unit"], "\"\(unitName)\" is not one of \(SeriesUnit.names)")
    }
    var step: Int64 = 3_600
    if let given = map["step_seconds"], let text = reader.text(given, "\(path).step_seconds") {
      step = Int64(text) ?? 0
      if !(300...3_600).contains(step) || 3_600 % step != 0 {
        reader.fail("\(path).step_seconds", given, "must be 300 to 3600 and divide an hour")
      }
    }
    guard let name, let url, let query, let label, let sample, let unit else { return nil }
    if sample.factor(
      to: unit, stepSeconds: 3_600, period: Period(containing: .init(microseconds: 0)))
      == nil
    {
      reader.fail(
        "\(path).unit", map["unit"], "samples of \(sample.rawValue) cannot be told in \(unit.name)")
    }
    return SeriesSource(
      name: name, url: url, query: query, label: label, sample: sample, unit: unit,
      stepSeconds: step, tokenFile: map["token_file"].flatMap { reader.text($0, path) },
      caFile: map["ca_file"].flatMap { reader.text($0, path) }, labels: labels(map, path))
  }

  private mutating func labels(_ map: [String: PolicyNode], _ path: String) -> TenantLabels {
    guard let node = map["tenants"] else { return .identity }
    var tenants: [String: String] = [:]
    for (key, value) in reader.entries(node, "\(path).tenants") ?? [] {
      guard let tenant = reader.text(value, "\(path).tenants.\(key)") else { continue }
      if !TenantNaming.isValid(tenant), !TenantNaming.reserved.contains(tenant) {
        reader.fail("\(path).tenants.\(key)", value, "\"\(tenant)\" is not a tenant id")
      }
      tenants[key] = tenant
    }
    return TenantLabels(tenants)
  }

  private mutating func text(
    _ key: String, _ map: [String: PolicyNode], _ node: PolicyNode, _ path: String
  ) -> String? {
    reader.require(key, in: map, of: node, path).flatMap { reader.text($0, "\(path).\(key)") }
  }
}
