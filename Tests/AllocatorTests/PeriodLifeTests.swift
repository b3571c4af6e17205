import Accounting
import Allocator
import Foundation
import HTTPClient
import Store
import Testing
import Usage

/// Open, soft-closed, closed by two people, restated.
@Suite struct PeriodLifeTests {
  private static let close = #"{"reason":"month end","waive":["coverage-hole"]}"#

  private static func post(
    _ allocator: RunningAllocator, _ path: String, _ body: String = "{}",
    by person: HTTPField
  ) async throws -> RunningAllocator.Answer {
    try await allocator.call("POST", path, as: nil, body: Array(body.utf8), headers: [person])
  }

  @Test func `a close needs two people, and exactly what was asked for is posted`() async throws {
    try await RunningAllocator.run(.init()) { allocator in
      try await allocator.furnish()
      let anna = try await allocator.token(named: "anna")
      let annaAgain = try await allocator.token(named: "Anna")
      let bert = try await allocator.token(named: "bert")
      let path = "/v1/periods/2026-10/close"

      let asked = try await Self.post(allocator, path, Self.close, by: anna)
      #expect(asked.status == 202, "\(asked.text)")
      #expect(asked.json?["state"] == .string("open"))
      let order = try #require(asked.json?["order"]?["id"]?.asInteger)
      #expect(try await allocator.store.ledger.head() == .empty)

      for person in [anna, annaAgain] {
        let own = try await Self.post(allocator, "/v1/orders/\(order)/approve", by: person)
        #expect(own.status == 409 && own.code == "same_person", "\(own.text)")
      }
      let approved = try await Self.post(allocator, "/v1/orders/\(order)/approve", by: bert)
      #expect(approved.status == 200, "\(approved.text)")
      #expect(approved.json?["state"] == .string("closed"))
      let again = try await Self.post(allocator, "/v1/orders/\(order)/approve", by: bert)
      #expect(again.code == "order_settled", "\(again.text)")
      let twice = try await Self.post(allocator, path, Self.close, by: anna)
      #expect(twice.code == "close_blocked")

      let shown = try await allocator.call("GET", "/v1/periods/2026-10")
      #expect(shown.json?["close"]?["by"] == .string("anna"))
      #expect(shown.json?["close"]?["approved_by"] == .string("bert"))
      let entries = try await allocator.store.ledger.entries(max: 10)
      #expect(entries.count == 3)
      #expect(
        entries.allSatisfy {
          $0.entry.actor == "anna" && $0.entry.reason == "month end (approved by bert)"
        })
      let deeds = try await allocator.store.audit.latest(20).map { "\($0.action) \($0.actor)" }
      for deed in ["order.ask anna", "order.approve bert", "period.close anna"] {
        #expect(deeds.contains(deed), "\(deeds)")
      }
      #expect(try await allocator.store.ledger.verify().isSound)
    }
  }

  @Test func `who made a token through the API cannot approve with it, however far down`()
    async throws
  {
    try await RunningAllocator.run(.init()) { allocator in
      try await allocator.furnish()
      let anna = try await allocator.token(named: "anna")
      let made = try await Self.made("bert", by: anna, allocator)
      let madeOfMade = try await Self.made("carl", by: made, allocator)
      let dora = try await allocator.token(named: "dora")
      let path = "/v1/periods/2026-10/close"
      let asked = try await Self.post(allocator, path, Self.close, by: madeOfMade)
      let order = try #require(asked.json?["order"]?["id"]?.asInteger, "\(asked.text)")

      for person in [anna, made, madeOfMade] {
        let own = try await Self.post(allocator, "/v1/orders/\(order)/approve", by: person)
        #expect(own.status == 409 && own.code == "same_person", "\(own.text)")
      }
      #expect(try await allocator.store.ledger.head() == .empty)
      let approved = try await Self.post(allocator, "/v1/orders/\(order)/approve", by: dora)
      #expect(approved.status == 200, "\(approved.text)")
      let list = try await allocator.call("GET", "/v1/tokens").json?["tokens"]?.asArray ?? []
      let makers = Dictionary(
        list.map { ($0["name"]?.asString ?? "", $0["created_by"]?.asString) }
      ) { first, _ in first }
      #expect(makers["anna"] == .some(nil) && makers["bert"] == "anna" && makers["carl"] == "bert")
    }
  }

  @Test(arguments: [" bert", "bert ", "be\\u0009rt", "bert\\n", ""])
  func `a token's name has no blank at its ends and no control character`(_ name: String)
    async throws
  {
    try await RunningAllocator.run { allocator in
      let body = #"{"role":"operator","name":""# + name + #""}"#
      let made = try await allocator.call("POST", "/v1/tokens", text: body)

      #expect(made.status == 400 && made.code == "invalid", "\(made.text)")
    }
  }

  /// A token of role `operator` made through the API.
  private static func made(
    _ name: String, by maker: HTTPField, _ allocator: RunningAllocator
  ) async throws -> HTTPField {
    let made = try await post(
      allocator, "/v1/tokens", #"{"role":"operator","name":"\#(name)"}"#, by: maker)
    return .init("Authorization", "Bearer \(try #require(made.json?["secret"]?.asString))")
  }

  @Test func `an approval of what has changed since is refused, and asking again works`()
    async throws
  {
    try await RunningAllocator.run(.init()) { allocator in
      try await allocator.furnish()
      let anna = try await allocator.token(named: "anna")
      let bert = try await allocator.token(named: "bert")
      let path = "/v1/periods/2026-10/close"
      let first = try await Self.post(allocator, path, Self.close, by: anna)
      let stale = try #require(first.json?["order"]?["id"]?.asInteger)
      _ = try await allocator.deliver(try World.batch(3))

      let refused = try await Self.post(allocator, "/v1/orders/\(stale)/approve", by: bert)
      #expect(refused.code == "order_stale", "\(refused.text)")
      #expect(try await allocator.store.ledger.head() == .empty)
      let second = try await Self.post(allocator, path, Self.close, by: anna)
      let order = try #require(second.json?["order"]?["id"]?.asInteger)
      let replaced = try await Self.post(allocator, "/v1/orders/\(stale)/approve", by: bert)
      #expect(replaced.code == "order_settled")
      let approved = try await Self.post(allocator, "/v1/orders/\(order)/approve", by: bert)
      #expect(approved.status == 200, "\(approved.text)")
    }
  }

  @Test func `an order that was withdrawn cannot be approved`() async throws {
    try await RunningAllocator.run(.init()) { allocator in
      try await allocator.furnish()
      let anna = try await allocator.token(named: "anna")
      let bert = try await allocator.token(named: "bert")
      let asked = try await Self.post(
        allocator, "/v1/periods/2026-10/close", Self.close, by: anna)
      let order = try #require(asked.json?["order"]?["id"]?.asInteger)

      let withdrawn = try await Self.post(allocator, "/v1/orders/\(order)/withdraw", by: anna)
      let approved = try await Self.post(allocator, "/v1/orders/\(order)/approve", by: bert)

      #expect(withdrawn.json?["state"] == .string("withdrawn"))
      #expect(approved.code == "order_settled")
      #expect(try await allocator.store.periods.record(of: RunningAllocator.october).state == .open)
    }
  }

  @Test func `a soft close shows provisional statements and posts nothing`() async throws {
    try await RunningAllocator.run { allocator in
      try await allocator.furnish()
      let path = "/v1/periods/2026-10/statements/acme"

      let soft = try await allocator.call(
        "POST", "/v1/periods/2026-10/soft-close", text: #"{"reason":"first look"}"#)
      #expect(soft.status == 200, "\(soft.text)")
      #expect(soft.json?["state"] == .string("soft-closed"))
      let first = try Statement(canonicalJSON: try await allocator.call("GET", path).body)
      #expect(first.isProvisional && first.version == 0)
      #expect(first.total.text == "33.333334")
      let page = try await allocator.call("GET", path + ".html")
      #expect(page.text.lowercased().contains("provisional"))
      #expect(try await allocator.store.ledger.head() == .empty)

      // What comes now still counts, and a second look shows it.
      _ = try await allocator.deliver(try World.batch(3, tenants: ["acme"]))
      _ = try await allocator.call(
        "POST", "/v1/periods/2026-10/soft-close", text: #"{"reason":"second look"}"#)
      let second = try Statement(canonicalJSON: try await allocator.call("GET", path).body)
      #expect(second.total.micros > first.total.micros)

      let closed = try await allocator.close()
      #expect(closed.status == 200, "\(closed.text)")
      let final = try Statement(canonicalJSON: try await allocator.call("GET", path).body)
      #expect(final.version == 1 && final.total == second.total)
      let gone = try await allocator.call("GET", path + "?version=0")
      #expect(gone.status == 400 || gone.status == 404)
      let late = try await allocator.call(
        "POST", "/v1/periods/2026-10/soft-close", text: #"{"reason":"too late"}"#)
      #expect(late.code == "close_blocked")
    }
  }

  @Test func `a restatement takes late usage and costs in, and version 1 stays readable`()
    async throws
  {
    try await RunningAllocator.run { allocator in
      try await allocator.furnish()
      _ = try await allocator.close()
      let path = "/v1/periods/2026-10/statements/acme"
      let before = try await allocator.call("GET", path)
      _ = try await allocator.deliver(try World.batch(3, tenants: ["acme"]))
      _ = try await allocator.call(
        "POST", "/v1/costs?source=cloud",
        body: World.file([
          World.row(service: "Compute", cost: "200.00"),
          World.row(service: "Support", cost: "9.99", effective: "9.5"),
        ]))

      let restated = try await allocator.call(
        "POST", "/v1/periods/2026-10/restate",
        text: #"{"reason":"corrected bill","waive":["coverage-hole"]}"#)

      #expect(restated.status == 200, "\(restated.text)")
      #expect(restated.json?["version"] == .number("2"))
      #expect(restated.json?["reconciliation"]?["ties_out"] == .bool(true))
      #expect(try await allocator.call("GET", path + "?version=1").body == before.body)
      let after = try Statement(canonicalJSON: try await allocator.call("GET", path).body)
      #expect(after.version == 2)
      // 4 of 10 batches-of-a-tenant are acme's: 200 * 4 / 10.
      #expect(after.total.text == "80.000000")
      let entries = try await allocator.store.ledger.entries(max: 100).map(\.entry)
      #expect(entries.filter { $0.kind == .reversal }.count == 3)
      var balances: [Account: Int64] = [:]
      for posting in entries.flatMap(\.postings) {
        balances[posting.account, default: 0] += posting.amount.micros
      }
      #expect(balances[.tenant("acme")] == 80_000_000)
      #expect(balances[.cost(pool: "compute")] == -200_000_000)
      #expect(balances[.unallocated("unmatched")] == 0)
      let shown = try await allocator.call("GET", "/v1/periods/2026-10")
      #expect(shown.json?["late_usage"] == .object([]))
      #expect(shown.json?["late_costs"] == .array([]))
      let listed = try await allocator.call("GET", "/v1/ledger/entries?limit=1").json
      let links = listed?["entries"]?.asArray?.first?["links"]?.asArray
      #expect(links?.first?["kind"] == .string("reversed-by"))
      #expect(try await allocator.store.ledger.verify().isSound)
    }
  }

  @Test func `a restatement without new facts restores every amount and printed figure`()
    async throws
  {
    try await RunningAllocator.run { allocator in
      try await allocator.furnish()
      _ = try await allocator.close()
      let first = try await allocator.store.statements.overview(of: RunningAllocator.october)

      let restated = try await allocator.call(
        "POST", "/v1/periods/2026-10/restate",
        text: #"{"reason":"drill","waive":["coverage-hole"]}"#)

      #expect(restated.status == 200, "\(restated.text)")
      let second = try await allocator.store.statements.overview(of: RunningAllocator.october)
      #expect(
        try PeriodSummary.rows(canonicalJSON: first.summary)
          == PeriodSummary.rows(canonicalJSON: second.summary))
      #expect(try await allocator.store.ledger.head().count == 9)
    }
  }

  @Test func `an open period is not restated`() async throws {
    try await RunningAllocator.run { allocator in
      try await allocator.furnish()

      let refused = try await allocator.call(
        "POST", "/v1/periods/2026-10/restate",
        text: #"{"reason":"r","waive":["coverage-hole"]}"#)

      #expect(refused.code == "close_blocked")
      #expect(refused.text.contains("period-not-closed"))
    }
  }
}
