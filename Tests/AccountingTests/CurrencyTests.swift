import Accounting
import Testing

/// Costs in other currencies: which rate, how exact, and where the difference goes.
struct CurrencyTests {
  private static func policy(
    _ currency: String = "USD", conversion: String = "{}"
  ) throws -> Policy {
    try PolicyText.decode(
      """
      {"version":1,"name":"p","currency":"\(currency)","conversion":\(conversion),"pools":[
        {"name":"compute","match":{"service":"compute"},
         "method":{"kind":"proportional","drivers":["requests"]}},
        {"name":"tagged","match":{"service":"tagged"},"method":{"kind":"direct","tag":"tenant"}}]}
      """)
  }

  private static func usage() throws -> UsageFigures {
    try Fixtures.usage(
      ["acme", "bolt", "core"].map { (tenant: $0, route: "api", quantity: "requests", value: 1) })
  }

  private static func entry(
    _ day: String, _ from: String, _ rate: String, to: String = "USD", invoice: String? = nil
  ) throws -> RateEntry {
    try RateEntry(
      day: try UTCInstant(parsing: day), from: Fixtures.currency(from), to: Fixtures.currency(to),
      rate: Fixtures.amount(rate), source: "ecb", invoice: invoice)
  }

  private static func record(
    _ cost: String, _ currency: String = "EUR", day: String = "2026-10-01",
    service: String = "compute"
  ) -> CostRecord {
    var record = Fixtures.record(cost, service: service, currency: currency)
    do { record.chargePeriodStart = try UTCInstant(parsing: day) } catch { fatalError("\(error)") }
    return record
  }

  private static func close(
    _ records: [CostRecord], _ rates: [RateEntry], currency: String = "USD",
    conversion: String = "{}"
  ) throws -> Close {
    try Close(
      records, policy: try policy(currency, conversion: conversion), usage: try usage(),
      rates: RateBook(rates))
  }

  @Test func `a pool is converted as a whole and then split`() throws {
    let close = try Self.close(
      [Self.record("1.1"), Self.record("2.2"), Fixtures.record("1")],
      [try Self.entry("2026-10-01", "EUR", "1.0843")])

    // 3.3 * 1.0843 + 1 = 4.57819.
    #expect(close.allocation.postedTotal.text == "4.578190")
    #expect(
      close.statements.statements.map(\.total.text) == ["1.526064", "1.526063", "1.526063"])
    #expect(
      close.allocation.pools[0].notes
        == ["3.3 EUR converted at 1.0843 USD (table, ecb of 2026-10-01)"])
    #expect(close.allocation.conversions.map(\.records) == [2])
    #expect(close.statements.statements[0].lines[0].notes.count == 1)
    #expect(close.bridge.tiesOut)
    #expect(close.bridge.amount(of: "fx") == .zero)
    #expect(close.costs.foreign.isEmpty)
  }

  @Test func `a rate of an earlier day serves for a week, not longer`() throws {
    let rates = [try Self.entry("2026-10-02", "EUR", "2")]

    #expect(
      try Self.close([Self.record("1", day: "2026-10-09")], rates).allocation.postedTotal.text
        == "2.000000")
    for day in ["2026-10-01", "2026-10-10"] {
      #expect(throws: AccountingError.self, "\(day)") {
        try Self.close([Self.record("1", day: day)], rates)
      }
    }
  }

  @Test func `the row's rate comes first, then the invoice's, then the table's`() throws {
    var stated = Self.record("1")
    stated[.exchangeRate] = "3"
    stated[.exchangeCurrency] = "USD"
    var elsewhere = stated
    elsewhere[.exchangeCurrency] = "GBP"
    elsewhere[.invoice] = "INV-2"
    let close = try Self.close(
      [stated, elsewhere, Self.record("1")],
      [
        try Self.entry("2026-10-01", "EUR", "5"),
        try Self.entry("2026-10-31", "EUR", "7", invoice: "INV-2"),
      ])

    #expect(
      close.allocation.conversions.map { "\($0.rate.kind.rawValue) \($0.rate.rate)" }.sorted()
        == ["invoice 7", "row 3", "table 5"])
    #expect(close.allocation.postedTotal.text == "15.000000")
  }

  @Test func `the month's mean and its last day are other days' rates`() throws {
    let rates = [
      try Self.entry("2026-10-01", "EUR", "1"), try Self.entry("2026-10-02", "EUR", "2"),
      try Self.entry("2026-10-31", "EUR", "2"), try Self.entry("2026-09-30", "EUR", "99"),
    ]
    let mean = try Self.close(
      [Self.record("3")], rates, conversion: #"{"day":"month_average"}"#)
    let last = try Self.close(
      [Self.record("3")], rates, conversion: #"{"day":"period_end"}"#)

    #expect(mean.allocation.conversions[0].rate.rate == Fixtures.amount("1.666666666666666667"))
    #expect(mean.allocation.postedTotal.text == "5.000000")
    #expect(last.allocation.postedTotal.text == "6.000000")
  }

  @Test(arguments: [("100", "21.6"), ("-100", "-18.4")])
  func `what the invoice's rate adds is posted to the fx account`(
    cost: String, difference text: String
  ) throws {
    let close = try Self.close(
      [Self.record(cost), Self.record("8", service: "mystery")],
      [
        try Self.entry("2026-10-01", "EUR", "1"),
        try Self.entry("2026-10-31", "EUR", "1.2", invoice: "INV-1"),
      ], conversion: #"{"order":["table","invoice"]}"#)
    let difference = Fixtures.amount(text)

    #expect(close.bridge.amount(of: "fx") == difference)
    #expect(close.bridge.tiesOut, "\(close.bridge)")
    #expect(close.bridge.amount(of: "invoice") == close.costs.inScope.billed)
    #expect(close.statements.summary.fx.text == text + "00000")
    #expect(close.chain.last?.entry.subject == "~fx")
  }

  @Test func `a currency without a rate keeps the period open by name`() throws {
    let costs = try CostPooling.pool(
      [Self.record("1"), Self.record("2", "GBP")], policy: try Self.policy(),
      period: Fixtures.october, rates: RateBook([try Self.entry("2026-10-01", "GBP", "1.3")]))

    #expect(costs.foreign.keys.map(\.code) == ["EUR"])
    #expect(costs.inScope.effective == Fixtures.amount("2.6"))
  }

  @Test(arguments: [
    // 1000 JPY = 2.02 KWD: three digits. 1000 KWD = 495000 JPY: none.
    ("KWD", "JPY", "1000", "0.00202", ["0.674", "0.673", "0.673"], "2.020"),
    ("JPY", "KWD", "1000", "495", ["165000", "165000", "165000"], "495000"),
    ("JPY", "USD", "1", "149.5", ["50", "50", "50"], "150"),
  ])
  func `printed figures have the digits of the currency and add up`(
    ledger: String, bill: String, cost: String, rate: String, printed: [String], total: String
  ) throws {
    let close = try Self.close(
      [Self.record(cost, bill)], [try Self.entry("2026-10-01", bill, rate, to: ledger)],
      currency: ledger)

    #expect(close.statements.statements.map(\.printedTotalText) == printed)
    #expect(close.statements.summary.printedTotalText == total)
    #expect(close.bridge.tiesOut)
  }

  @Test func `a direct pool's parts are converted and sum to the pool`() throws {
    var records: [CostRecord] = []
    for (index, cost) in ["0.333333333333333333", "0.1", "-0.000000000000000001"].enumerated() {
      var record = Self.record(cost, service: "tagged")
      record.tags["tenant"] = "t\(index)"
      records.append(record)
    }
    let close = try Self.close(
      records, [try Self.entry("2026-10-01", "EUR", "1.123456789012345678")])
    let pool = close.allocation.pools[0]

    #expect(
      pool.shares.reduce(Int128(0)) { $0 + ($1.exact?.units ?? 0) } == pool.exact.units)
    #expect(close.bridge.tiesOut)
  }

  @Test(arguments: [
    ("1.5", "1.000000000000000001", "1.500000000000000002"),
    ("0.5", "0.000000000000000001", "0"), ("1.5", "0.000000000000000001", "0.000000000000000002"),
    ("-2.5", "0.000000000000000001", "-0.000000000000000002"),
    ("170000000000000000000", "1", "170000000000000000000"),
  ])
  func `a product is exact to the last digit and half-even there`(
    amount: String, rate: String, product: String
  ) throws {
    #expect(
      try Fixtures.amount(amount).converted(at: Fixtures.amount(rate)) == Fixtures.amount(product))
  }

  @Test func `a product past the range is refused`() {
    #expect(throws: AccountingError.self) {
      try Fixtures.amount("170000000000000000000").converted(at: Fixtures.amount("2"))
    }
  }
}
