import Accounting
import Testing

struct ReconciliationTests {
  private static let policyText = """
    {"version":1,"name":"p","currency":"USD","pools":[
      {"name":"cpu","match":{"service":"compute"},
       "method":{"kind":"proportional","drivers":["requests"]}},
      {"name":"idle","match":{"service":"idle"},"method":{"kind":"keep"}}]}
    """

  private static func close() throws -> Close {
    let usage = try Fixtures.usage([
      (tenant: "acme", route: "api", quantity: "requests", value: 2),
      (tenant: "~unattributed", route: "~none", quantity: "requests", value: 1),
    ])
    let records = [
      Fixtures.record("9", billed: "10"), Fixtures.record("4", billed: "0", service: "idle"),
      Fixtures.record("1.0000001", billed: "1", service: "odd"),
    ]
    return try Close(records, policy: PolicyText.decode(policyText), usage: usage)
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

  @Test func `an invoice that states another total does not tie out`() throws {
    let close = try Self.close()
    let bridge = try Bridge.build(
      BridgeInput(
        costs: close.costs, allocation: close.allocation, entries: close.chain.map(\.entry),
        statements: close.statements, invoiceTotal: Fixtures.amount("12.5")))

    #expect(bridge.difference == Fixtures.amount("1.5"))
    #expect(bridge.amount(of: "records-minus-invoice") == Fixtures.amount("-1.5"))
    #expect(bridge.reasons == ["the records are billed -1.5 more than the invoice states"])
    #expect(bridge.state == .open)
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
