import Testing

@testable import Accounting

struct SplitRowTests {
  private static let policy = try? PolicyText.decode(
    """
    {"version":1,"name":"p","currency":"USD","pools":[
      {"name":"all","method":{"kind":"direct","tag":"tenant"}}]}
    """)

  private func record(_ cost: String, allocatedTo tenant: String? = nil) -> CostRecord {
    var record = Fixtures.record(cost)
    record[.resource] = "cluster/1"
    if let tenant {
      record[.allocatedMethod] = "split-1"
      record.allocatedTags = ["tenant": tenant]
    }
    return record
  }

  private func pool(_ records: [CostRecord]) throws -> PooledCosts {
    try CostPooling.pool(
      records, policy: try #require(Self.policy), period: Fixtures.october)
  }

  @Test func `an origin with its split rows is counted once, as the split rows`() throws {
    let records = [
      record("10"), record("7", allocatedTo: "acme"), record("3", allocatedTo: "bolt"),
    ]
    for order in [records, records.reversed(), [records[1], records[0], records[2]]] {
      let costs = try pool(order)

      #expect(costs.inScope.effective == Fixtures.amount("10"))
      #expect(
        costs.pools[0].owners == [
          .tenant("acme"): Fixtures.amount("7"), .tenant("bolt"): Fixtures.amount("3"),
        ])
      #expect(costs.setAside.records == 1)
      #expect(costs.unsettledSplits.isEmpty)
    }
  }

  @Test func `split rows without their origin all count`() throws {
    let costs = try pool([record("7", allocatedTo: "acme"), record("3", allocatedTo: "bolt")])

    #expect(costs.inScope.effective == Fixtures.amount("10"))
    #expect(costs.setAside.records == 0)
  }

  @Test func `an origin without split rows counts`() throws {
    #expect(try pool([record("10")]).inScope.effective == Fixtures.amount("10"))
  }

  @Test func `split rows that do not sum to their origin leave it in and are reported`() throws {
    let costs = try pool([record("10"), record("7", allocatedTo: "acme")])

    #expect(costs.inScope.effective == Fixtures.amount("10"))
    #expect(costs.setAside.effective == Fixtures.amount("7"))
    #expect(costs.unsettledSplits.map(\.resource) == ["cluster/1"])
  }

  @Test func `charges that are split and invoices have a bound`() throws {
    var resolver = SplitResolver(groupsMax: 2)
    var invoices = InvoiceRecords(invoicesMax: 2)
    for number in [1, 2, 1, 2] {
      var split = record("5", allocatedTo: "acme")
      split[.resource] = "cluster/\(number)"
      split[.invoice] = "INV-\(number)"
      try resolver.noteAllocated(split)
      try invoices.add(split, nil)
    }
    let last = resolver
    let sums = invoices
    #expect(throws: AccountingError.unusableCosts(reason: "more than 2 charges are split")) {
      var resolver = last
      var third = record("5", allocatedTo: "acme")
      third[.resource] = "cluster/3"
      try resolver.noteAllocated(third)
    }
    #expect(throws: AccountingError.unusableCosts(reason: "the records name more than 2 invoices"))
    {
      var invoices = sums
      var third = record("5")
      third[.invoice] = "INV-3"
      try invoices.add(third, nil)
    }
  }

  @Test func `sums of sides that are too far apart to subtract do not agree`() throws {
    var split = record("-170000000000000000000", allocatedTo: "acme")
    split[.allocatedMethod] = "aws-split-used"
    var origin = record("170000000000000000000")
    origin[.provider] = "AWS"
    origin[.skuMeter] = "RunInstances"
    var resolver = SplitResolver()
    try resolver.noteAllocated(split)
    try resolver.matchOrigin(origin)

    #expect(resolver.decide().unsettled.count == 1)
  }

  @Test(
    arguments: [
      ("EUC1-BoxUsage:m5.large", 1), ("SpotUsage:c6i.xlarge", 1), ("DataTransfer-Out-Bytes", 0),
      ("EUC1-USE1-AWS-Out-Bytes", 0), (nil, 1),
    ] as [(String?, Int)])
  func `an AWS instance's time is shared out and not its traffic`(
    _ usage: String?, _ groups: Int
  ) throws {
    var split = record("5", allocatedTo: "acme")
    split[.allocatedMethod] = "aws-split-used"
    var charge = record("10")
    charge[.provider] = "AWS"
    charge[.skuMeter] = "RunInstances"
    charge[.usageType] = usage
    var resolver = SplitResolver()
    try resolver.noteAllocated(split)
    try resolver.matchOrigin(charge)

    #expect(resolver.decide().groups.count == groups)
  }

  @Test func `another charge of the same resource is not taken for an origin`() throws {
    var tax = record("10")
    tax[.chargeCategory] = "Tax"
    let costs = try pool([
      tax, record("7", allocatedTo: "acme"), record("3", allocatedTo: "bolt"),
    ])

    #expect(costs.inScope.effective == Fixtures.amount("20"))
  }

  @Test func `a file with origin and split rows reads into the same sums`() throws {
    let text = FocusText(columns: FocusText.columns13)
    let origin = ["ResourceId": "r", "BilledCost": "4", "EffectiveCost": "4"]
    func split(_ tenant: String, _ cost: String) -> [String: String] {
      [
        "ResourceId": "r", "BilledCost": cost, "EffectiveCost": cost,
        "AllocatedMethodId": "even", "AllocatedTags": "{\"tenant\":\"\(tenant)\"}",
      ]
    }
    let file =
      text.header + text.row(origin) + text.row(split("acme", "1.5"))
      + text.row(split("bolt", "2.5"))
    let costs = try pool(FocusReading(file).records)

    #expect(costs.inScope.billed == Fixtures.amount("4"))
    #expect(costs.pools[0].owners[.tenant("bolt")] == Fixtures.amount("2.5"))
  }
}
