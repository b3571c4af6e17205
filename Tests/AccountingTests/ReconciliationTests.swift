import Accounting
import Testing

struct ReconciliationTests {
  private static let policyText = """
    {"version":1,"name":"p","currency":"USD","pools":[
      {"name":"cpu","match":{"service":"compute"},
       "method":{"kind":"proportional","drivers":["requests"]}},
      {"name":"idle","match":{"service":"idle"},"method":{"kind":"keep"}}]}
    """

  private static func close(_ controls: [InvoiceTotal] = []) throws -> Close {
    let usage = try Fixtures.usage([
      (tenant: "acme", route: "api", quantity: "requests", value: 2),
      (tenant: "~unattributed", route: "~none", quantity: "requests", value: 1),
    ])
    let records = [
      Fixtures.record("9", billed: "10"), Fixtures.record("4", billed: "0", service: "idle"),
      Fixtures.record("1.0000001", billed: "1", service: "odd"),
    ]
    return try Close(
      records, policy: PolicyText.decode(policyText), usage: usage, controls: controls)
  }

  @Test func `the bridge leads from the invoice to every account`() throws {
    let bridge = try Self.close().bridge

    #expect(
      bridge.lines.map { "\($0.cause) \($0.amount)" } == [
        "invoice 11", "effective-minus-billed 3.0000001", "below-a-micro-unit -0.0000001",
        "tenants 6", "unallocated:unattributed 3", "unallocated:unmatched 1", "kept 4",
        "rounding 0", "fx 0",
      ])
    #expect(bridge.difference == .zero)
    #expect(bridge.tiesOut)
    #expect(bridge.state == .tiedOut)
  }

  private static func total(
    _ billed: String, lines: Int = 1, invoice: String = "INV-1", currency: String = "USD"
  ) -> InvoiceTotal {
    InvoiceTotal(
      source: "", invoice: invoice, currency: Fixtures.currency(currency), lines: lines,
      linesRounded: Fixtures.amount(billed).isWhole(in: Fixtures.currency(currency)) ? lines : 0,
      billed: Fixtures.amount(billed))
  }

  @Test func `an invoice that states another total does not tie out`() throws {
    let bridge = try Self.close([Self.total("12.5")]).bridge

    #expect(bridge.amount(of: "invoice") == Fixtures.amount("12.5"))
    #expect(bridge.difference == Fixtures.amount("1.5"))
    #expect(bridge.amount(of: "records-minus-invoice") == Fixtures.amount("-1.5"))
    #expect(bridge.reasons == ["invoice INV-1 of  states 12.5 USD, its records 11"])
    #expect(bridge.state == .open)
  }

  @Test func `an invoice that states what its records say ties out`() throws {
    let bridge = try Self.close([Self.total("4"), Self.total("7", lines: 2)]).bridge

    #expect(bridge.amount(of: "invoice") == Fixtures.amount("11"))
    #expect(bridge.amount(of: "records-minus-invoice") == .zero)
    #expect(bridge.tiesOut)
  }

  @Test func `an invoice that no record names does not tie out`() throws {
    let bridge = try Self.close([Self.total("3", invoice: "INV-2")]).bridge

    #expect(bridge.amount(of: "invoice") == Fixtures.amount("14"))
    #expect(bridge.reasons == ["invoice INV-2 of  states 3 USD, its records 0"])
  }

  @Test func `invoices that no record names are held against records that name none`() throws {
    var records = [Fixtures.record("9"), Fixtures.record("2.5")]
    for index in records.indices { records[index][.invoice] = nil }
    let policy = try PolicyText.decode(Self.policyText)
    func close(_ second: String) throws -> Close {
      try Close(
        records + [Fixtures.record("1")], policy: policy, usage: UsageFigures(),
        controls: [
          Self.total("10", invoice: "B"), Self.total(second, invoice: "A"), Self.total("1"),
        ])
    }

    let right = try close("1.5")
    #expect(right.bridge.tiesOut)
    #expect(right.costs.stated.rows.map(\.total.invoice) == ["", "INV-1"])
    let wrong = try close("2.5")
    #expect(
      wrong.bridge.reasons == [
        "invoices of  that no record names state 12.5 USD, its records without an invoice 11.5"
      ])
    #expect(wrong.bridge.difference == Fixtures.amount("1"))
  }

  @Test(
    arguments: [
      ("11.01", 2, true), ("10.99", 2, true), ("11.01", 1, false), ("11.02", 3, false),
      ("11.02", 4, true), ("11.001", 9, false), ("12", 1_000, true), ("12.01", 1_000, false),
    ])
  func `half a minor unit a line is rounding and no more`(
    _ stated: String, _ lines: Int, _ isRounding: Bool
  ) throws {
    let close = try Self.close([Self.total(stated, lines: lines)])
    let difference = try Fixtures.amount("11").subtracting(Fixtures.amount(stated))

    #expect(close.bridge.tiesOut == isRounding)
    #expect(close.bridge.amount(of: "invoice-rounding") == (isRounding ? difference : .zero))
    #expect(close.bridge.amount(of: "records-minus-invoice") == (isRounding ? .zero : difference))
    #expect(close.costs.stated.rows.map(\.isExplained) == [isRounding])
    let variance = try InvoiceVariance(close.bridge, thresholdBasisPoints: 200)
    #expect(variance.accounted == Fixtures.amount("11"))
    #expect(variance.provider == Fixtures.amount(stated))
  }

  @Test func `an invoice is compared in its own currency`() throws {
    let policy = try PolicyText.decode(Self.policyText)
    var record = Fixtures.record("10", currency: "JPY")
    record[.invoice] = "INV-J"
    func close(_ stated: String, rates: [RateEntry]) throws -> Close {
      try Close(
        [record, Fixtures.record("1")], policy: policy, usage: UsageFigures(),
        rates: RateBook(rates), controls: [Self.total(stated, invoice: "INV-J", currency: "JPY")])
    }
    let rate = try RateEntry(
      day: Fixtures.october.start, from: Fixtures.currency("JPY"), to: Fixtures.currency("USD"),
      rate: Fixtures.amount("0.01"), source: "bank", invoice: "INV-J")

    let right = try close("10", rates: [rate]).costs.stated
    #expect(right.rows.map(\.records) == [Fixtures.amount("10")])
    #expect(right.reasons.isEmpty)
    let wrong = try close("30", rates: [rate])
    #expect(wrong.bridge.amount(of: "records-minus-invoice") == Fixtures.amount("-0.2"))
    #expect(wrong.costs.stated.reasons == ["invoice INV-J of  states 30 JPY, its records 10"])
    let unknown = try CostPooling.pool(
      [record], policy: policy, period: Fixtures.october,
      controls: [Self.total("30", invoice: "INV-J", currency: "JPY")])
    #expect(
      unknown.stated.reasons == [
        "invoice INV-J of  states 30 JPY, its records 0, and there is no rate to USD"
      ])
  }

  @Test func `a source's invoices are held against that source's records`() throws {
    let policy = try PolicyText.decode(Self.policyText)
    func total(_ source: String, _ billed: String) -> InvoiceTotal {
      InvoiceTotal(
        source: source, invoice: "INV-1", currency: Fixtures.currency("USD"), lines: 1,
        linesRounded: 1, billed: Fixtures.amount(billed))
    }
    func stated(_ totals: [InvoiceTotal]) throws -> InvoiceComparison {
      var pooling = CostPooling(policy: policy, period: Fixtures.october, controls: totals)
      for (source, cost) in [("a", "10"), ("b", "20"), ("a", "5")] {
        pooling.begin(source: source)
        try pooling.add(Fixtures.record(cost))
      }
      return try pooling.finish().stated
    }

    #expect(try stated([total("a", "15"), total("b", "20")]).reasons.isEmpty)
    #expect(
      try stated([total("a", "20"), total("b", "15")]).reasons == [
        "invoice INV-1 of a states 20 USD, its records 15",
        "invoice INV-1 of b states 15 USD, its records 20",
      ])
    #expect(try stated([total("a", "15")]).reasons.isEmpty)
    #expect(try stated([total("c", "0")]).rows.isEmpty)
    #expect(
      try stated([total("c", "1")]).reasons == ["invoice INV-1 of c states 1 USD, its records 0"])
  }

  @Test func `only some of many differing invoices are named`() throws {
    let totals = (10..<25).map { Self.total("1", invoice: "X-\($0)") }
    let stated = try Self.close(totals).costs.stated

    #expect(stated.reasons.count == 11)
    #expect(stated.reasons.first == "invoice X-10 of  states 1 USD, its records 0")
    #expect(stated.reasons.last == "5 further invoices differ from their records")
    #expect(stated.unexplained == Fixtures.amount("-15"))
  }

  @Test func `a missing ledger entry is a difference`() throws {
    let close = try Self.close()
    let bridge = try Bridge.build(
      BridgeInput(
        costs: close.costs, allocation: close.allocation,
        entries: close.chain.dropLast().map(\.entry), statements: close.statements))

    #expect(bridge.difference == Fixtures.amount("1"))
    #expect(bridge.reasons.count == 1)
  }

  @Test func `statements that lack a tenant are named`() throws {
    let close = try Self.close()
    let empty = try Close(
      [Fixtures.record("0")], policy: PolicyText.decode(Self.policyText), usage: UsageFigures())
    let bridge = try Bridge.build(
      BridgeInput(
        costs: close.costs, allocation: close.allocation, entries: close.chain.map(\.entry),
        statements: empty.statements))

    #expect(bridge.reasons == ["the statements sum to 0.000000, the ledger charges tenants 6"])
    #expect(!bridge.tiesOut)
  }

  @Test func `usage agrees when batches, store and statements do`() throws {
    let set = try Self.close().statements
    let right = try UsageBridge(
      batches: ["requests": 3], stored: ["requests": 3], statements: set)
    #expect(right.tiesOut)

    for (batches, stored) in [(4, 3), (3, 4), (3, 2)] as [(UInt128, UInt128)] {
      let wrong = try UsageBridge(
        batches: ["requests": batches], stored: ["requests": stored], statements: set)
      #expect(!wrong.tiesOut)
    }
    let late = try UsageBridge(
      batches: ["requests": 5], stored: ["requests": 5], statements: set, late: ["requests": 2])
    #expect(late.tiesOut)
    #expect(late.rows.map(\.late) == [2])
  }

  @Test func `the bridge as JSON says what it says`() throws {
    let text = try Self.close().bridge.json.canonicalText

    #expect(text.hasPrefix(#"{"currency":"USD","lines":[{"cause":"invoice","amount":"11"},"#))
    #expect(text.hasSuffix(#""difference":"0","ties_out":true,"reasons":[]}"#))
  }
}
