import Accounting
import Foundation
import Testing

/// Bills as clouds write them, against a second implementation of reading them (`Golden/bills`).
struct BillsTests {
  private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "Golden/bills")

  static func bytes(_ name: String) throws -> [UInt8] {
    Array(try Data(contentsOf: folder.appending(path: name)))
  }

  private static let names = [
    "aws.csv", "azure-ea.csv", "azure-mca.csv", "focus.csv", "focus-restated.csv",
    "focus-toolkit-aws-1.2.csv", "focus-toolkit-aws-1.3.csv", "focus-toolkit-azure-1.3.csv",
    "focus-toolkit-gcp-1.3.csv", "generic.csv", "google.jsonl", "opencost.json",
  ]

  private static func choice(_ name: String) throws -> CostFileChoice {
    switch name {
    case "opencost.json": CostFileChoice(currency: Fixtures.currency("USD"))
    case "generic.csv": CostFileChoice(map: try genericMap())
    default: CostFileChoice()
    }
  }

  private static func genericMap() throws -> ColumnMap {
    let text = """
      {"version":1,"name":"generic","delimiter":"semicolon","decimal":"comma",
       "slash_dates":"day-first","fields":{"service":"Product","sku":"Article","resource":"Server"},
       "costs":{"billed":["Net","Surcharge"]},"currency":{"column":"Currency"},
       "billing_period":{"month":"BillingMonth"},"charge_period":{"day":"Date"},
       "quantity":"Quantity","tags":[{"column":"Labels","format":"pairs"}],
       "kinds":{"column":"Type","values":{"Usage":{"category":"Usage"},"VAT":{"category":"Tax"},
         "Voucher":{"category":"Credit","sign":"negated"},
         "Correction":{"category":"Usage","class":"Correction"},"Subtotal":{"skip":true}}}}
      """
    return try ColumnMap.decode(PolicyText.node(JSONValue(parsing: Array(text.utf8))))
  }

  @Test(arguments: names)
  func `a bill adds up to what the second implementation says, and so do its pools`(
    name: String
  ) throws {
    let expected = try #require(
      try JSONValue(parsing: Self.bytes("expected.json"))[name], "\(name)")
    let reading = try FocusReading(try Self.bytes(name), choice: try Self.choice(name))

    #expect(reading.faults.map(\.description) == [])
    #expect(Self.totals(reading.records) == expected["totals"]?.canonicalText)
    #expect(try Self.pools(reading.records) == expected["pools"]?.canonicalText)
  }

  @Test(arguments: names)
  func `a bill cut into pieces is the same bill`(name: String) throws {
    let bytes = try Self.bytes(name)
    let whole = try FocusReading(bytes, choice: try Self.choice(name))
    var random = SplitMix64(seed: Seed.value)
    for _ in 0..<5 {
      let cuts = (0..<40).map { _ in Int.random(in: 0...bytes.count, using: &random) }.sorted()
      let cut = try FocusReading(bytes, pieces: cuts, choice: try Self.choice(name))
      #expect(cut.records == whole.records, Seed.comment)
      #expect(cut.totals == whole.totals, Seed.comment)
    }
  }

  @Test(arguments: [
    ("aws.csv", CostFormat.awsCUR2), ("azure-ea.csv", .azureCostDetails),
    ("azure-mca.csv", .azureCostDetails), ("focus.csv", .focus), ("google.jsonl", .googleDetailed),
    ("opencost.json", .openCost), ("invoice-detail.csv", .focusInvoiceDetail),
    ("billing-period.csv", .focusBillingPeriod),
  ])
  func `the form of a file is told by the file`(name: String, format: CostFormat) throws {
    let choice = CostFileChoice(currency: Fixtures.currency("USD"))
    #expect(try FocusReading(try Self.bytes(name), choice: choice).format == format)
  }

  @Test func `invoice details are control totals and no cost`() throws {
    let reading = try FocusReading(try Self.bytes("invoice-detail.csv"))
    let expected = try JSONValue(parsing: Self.bytes("expected.json"))["invoice-detail.csv"]
    var sums: [String: Amount] = [:]
    for line in reading.invoiceLines {
      let key = "\(line.period) \(line.invoice) \(line.currency)"
      sums[key] = try (sums[key] ?? .zero).adding(line.billed)
    }

    #expect(reading.records.isEmpty && reading.faults.isEmpty)
    #expect(
      Self.object(sums.mapValues { .string($0.description) }).canonicalText
        == expected?["invoices"]?.canonicalText)
    #expect(reading.totals.goodRows == reading.invoiceLines.count)
    let notices = try FocusReading(try Self.bytes("billing-period.csv")).notices
    #expect(notices.map(\.isClosed) == [true, false])
  }

  @Test func `idle time of an instance is counted once, and the instance not at all`() throws {
    let reading = try FocusReading(try Self.bytes("aws.csv"))
    let node = reading.records.filter { $0[.resource] == "i-node" }
    let pods = node.filter(\.isAllocatedRow)
    // The second hour's traffic has the instance's operation, and is no time of it.
    let running = node.filter { !$0.isAllocatedRow && $0[.skuMeter] == "RunInstances" }
    let instance = running.filter { $0[.usageType] == "BoxUsage:m5.large" }
    let costs = try Self.pooled(reading.records)

    #expect(running.count == 5)
    #expect(instance.count == 4)
    #expect(pods.count == 16)
    #expect(reading.totals.skippedRows == 4)
    #expect(costs.unsettledSplits.isEmpty)
    #expect(costs.setAside.records == 4)
    // The instances' billed cost stays; their effective cost is what the pods carry, to the last digit.
    let billed = try instance.reduce(Amount.zero) { try $0.adding($1.billedCost) }
    let whole = try instance.reduce(Amount.zero) { try $0.adding($1.effectiveCost) }
    let carried = try pods.reduce(Amount.zero) { try $0.adding($1.effectiveCost) }
    #expect(billed > .zero)
    #expect(try whole.subtracting(carried) == Fixtures.amount("0.0000000002"))
    #expect(costs.setAside.effective == carried)
    #expect(costs.setAside.billed == .zero)
  }

  @Test func `splits that do not add up to their instance block and count the instance`() throws {
    var records = try FocusReading(try Self.bytes("aws.csv")).records
    let index = try #require(records.firstIndex { $0[.allocatedMethod] == "aws-split-used" })
    records[index].effectiveCost = try records[index].effectiveCost.adding(Fixtures.amount("0.01"))

    let costs = try Self.pooled(records)

    #expect(costs.unsettledSplits.count == 1)
    let expected = try JSONValue(parsing: Self.bytes("expected.json"))["aws.csv"]
    let pools = expected?["pools"]?["2026-10"]
    guard case .object(let members)? = pools else { return #expect(pools != nil) }
    let sum = try members.reduce(Amount.zero) {
      try $0.adding(Amount(parsing: $1.value.asString ?? ""))
    }
    #expect(costs.inScope.effective == sum)
  }

  private static func pooled(_ records: [CostRecord]) throws -> PooledCosts {
    let text = String(decoding: try bytes("policy.json"), as: UTF8.self)
    return try CostPooling.pool(
      records, policy: try PolicyText.decode(text), period: Fixtures.october)
  }

  private static func totals(_ records: [CostRecord]) -> String {
    var sums: [String: (records: Int, billed: Amount, effective: Amount)] = [:]
    for record in records {
      let key = "\(record.period) \(record.currency)"
      let old = sums[key] ?? (0, .zero, .zero)
      sums[key] = (
        old.records + 1, Amount(units: old.billed.units + record.billedCost.units),
        Amount(units: old.effective.units + record.effectiveCost.units)
      )
    }
    return object(
      sums.mapValues { sum in
        .object([
          .init("billed", .string(sum.billed.description)),
          .init("effective", .string(sum.effective.description)),
          .init("records", .integer(sum.records)),
        ])
      }
    ).canonicalText
  }

  private static func pools(_ records: [CostRecord]) throws -> String {
    let text = String(decoding: try bytes("policy.json"), as: UTF8.self)
    let policy = try PolicyText.decode(text)
    var periods: [String: JSONValue] = [:]
    for period in Set(records.map(\.period)) {
      let costs = try CostPooling.pool(records, policy: policy, period: period)
      var found: [String: JSONValue] = [:]
      for pool in costs.pools where pool.tally.effective != .zero {
        found[pool.name] = .string(pool.tally.effective.description)
      }
      if costs.inScope.records > 0 { periods[period.description] = object(found) }
    }
    return object(periods).canonicalText
  }

  private static func object(_ members: [String: JSONValue]) -> JSONValue {
    .object(
      members.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
        .map { .init($0.key, $0.value) })
  }
}
