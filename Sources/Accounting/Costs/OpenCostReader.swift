/// Reads the answer of OpenCost's allocation endpoint as costs.
///
/// Each allocation makes one record for each kind of cost that is not 0: cpu, gpu, ram, pv, network,
/// load balancer, shared, external, each with its adjustment; and one for what is then missing to
/// `totalCost`. The allocation's name is the resource, its namespace the sub account; labels are
/// tags. `__idle__` is an allocation like any other, so that a policy decides about it.
struct OpenCostReader: Sendable {
  /// The name of the service of all records.
  static let service = "Kubernetes"

  private let currency: Currency
  private let limits: CostFileLimits
  private var bytes: [UInt8] = []

  /// A reader of costs in one currency.
  init(currency: Currency, limits: CostFileLimits) {
    self.currency = currency
    self.limits = limits
  }

  /// Takes more of the document; throws `unreadableCosts` when it is too large.
  mutating func append(_ more: [UInt8]) throws(AccountingError) {
    guard bytes.count + more.count <= limits.documentBytesMax else {
      throw .unreadableCosts(
        reason: "an OpenCost answer of more than \(limits.documentBytesMax) bytes; ask for less")
    }
    bytes += more
  }

  /// Reads the document; each allocation is one row, numbered from 1.
  mutating func finish(into events: inout [CostEvent]) throws(AccountingError) -> [RowOutcome] {
    var outcomes: [RowOutcome] = []
    for (index, allocation) in try OpenCostAllocation.list(bytes).enumerated() {
      var work = RowWork()
      let made = records(allocation, line: index + 1, &work)
      if work.problems.isEmpty {
        for record in made { events.append(.record(record)) }
        outcomes.append(.good(records: made.count, roundedValues: work.roundedValues))
      } else {
        outcomes.append(.fault(RowFault(line: index + 1, problems: work.problems)))
      }
    }
    return outcomes
  }

  private static let kinds = [
    "cpu", "gpu", "ram", "pv", "network", "loadBalancer", "shared", "external",
  ]

  private func records(
    _ allocation: OpenCostAllocation, line: Int, _ work: inout RowWork
  ) -> [CostRecord] {
    guard let window = allocation.window else {
      work.fail("window", "is not a time range", allocation.name)
      return []
    }
    var parts: [(kind: String, cost: Amount)] = []
    var sum = Amount.zero
    do throws(AccountingError) {
      for kind in Self.kinds {
        var cost = Amount.zero
        for name in ["\(kind)Cost", "\(kind)CostAdjustment"] {
          guard let text = MappedRowDecoder.scalar(allocation.value[name]) else { continue }
          cost = try cost.adding(work.decimal(text.utf8.span, name) ?? .zero)
        }
        sum = try sum.adding(cost)
        if cost != .zero { parts.append((kind, cost)) }
      }
      if let text = MappedRowDecoder.scalar(allocation.value["totalCost"]),
        let total = work.decimal(text.utf8.span, "totalCost"), total != sum
      {
        parts.append(("rest", try total.subtracting(sum)))
      }
    } catch {
      work.fail("totalCost", "is out of range", nil)
    }
    return parts.map { record(allocation, line: line, window, kind: $0.kind, cost: $0.cost) }
  }

  private func record(
    _ allocation: OpenCostAllocation, line: Int, _ window: Range<UTCInstant>, kind: String,
    cost: Amount
  ) -> CostRecord {
    let month = Period(containing: window.lowerBound)
    var record = CostRecord(
      line: line, billedCost: cost, effectiveCost: cost, currency: currency,
      billingPeriod: month.start..<month.end, chargePeriod: window)
    record[.service] = Self.service
    record[.serviceCategory] = "Compute"
    record[.provider] = "OpenCost"
    record[.invoiceIssuer] = "OpenCost"
    record[.billingAccount] = allocation.properties["cluster"] ?? "unknown"
    record[.subAccount] = allocation.properties["namespace"]
    record[.resource] = allocation.name
    record[.resourceName] = allocation.properties["controller"]
    record[.sku] = kind
    record[.chargeCategory] = kind == "rest" ? "Adjustment" : "Usage"
    record.tags = allocation.labels
    return record
  }
}

/// One allocation of an OpenCost answer.
struct OpenCostAllocation: Sendable {
  /// Its name: what was asked to be aggregated by, such as a namespace.
  let name: String
  /// The members.
  let value: JSONValue
  /// `properties` that are texts.
  let properties: [String: String]
  /// Labels of the workload.
  let labels: [String: String]
  /// The time it covers.
  let window: Range<UTCInstant>?

  private init(name: String, value: JSONValue) {
    self.name = name
    self.value = value
    var properties: [String: String] = [:]
    var labels: [String: String] = [:]
    if case .object(let members)? = value["properties"] {
      for member in members {
        if let text = member.value.asString { properties[member.key] = text }
        if member.key == "labels", case .object(let pairs) = member.value {
          for pair in pairs { labels[pair.key] = pair.value.asString }
        }
      }
    }
    self.properties = properties
    self.labels = labels
    let start = (value["window"]?["start"] ?? value["start"])?.asString
    let end = (value["window"]?["end"] ?? value["end"])?.asString
    if let from = start.flatMap({ try? UTCInstant(parsing: $0) }),
      let to = end.flatMap({ try? UTCInstant(parsing: $0) }), from < to
    {
      window = from..<to
    } else {
      window = nil
    }
  }

  /// The allocations of an answer, set by set, by name as they stand; throws `unreadableCosts`.
  static func list(_ bytes: [UInt8]) throws(AccountingError) -> [OpenCostAllocation] {
    let root = try JSONValue(parsing: bytes)
    if let code = root["code"]?.asInteger, code != 200 {
      throw .unreadableCosts(
        reason: "OpenCost answered \(code): \(root["message"]?.asString ?? "no message")")
    }
    guard let sets = root["data"]?.asArray else {
      throw .unreadableCosts(reason: "an OpenCost answer has a list \"data\"")
    }
    var found: [OpenCostAllocation] = []
    for set in sets {
      switch set {
      case .null: continue
      case .object(let members):
        for member in members {
          found.append(OpenCostAllocation(name: member.key, value: member.value))
        }
      default: throw .unreadableCosts(reason: "\"data\" must hold objects of allocations")
      }
    }
    return found
  }
}
