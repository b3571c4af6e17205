import Accounting
import Foundation
import HTTPClient
import Store
import Testing
import Usage

@Suite struct CloseTests {
  @Test func `a month closes and every unit of its bill has an owner`() async throws {
    try await RunningAllocator.run { allocator in
      try await allocator.furnish()

      let closed = try await allocator.close()

      #expect(closed.status == 200, "\(closed.text)")
      let totals = closed.json?["totals"]
      #expect(totals?["difference"] == .string("0"))
      #expect(totals?["tenants"] == .string("100.000000"))
      #expect(totals?["kept"] == .string("9.500000"))
      #expect(totals?["unallocated"] == .string("1.000000"))
      #expect(totals?["invoice"] == .string("110.9900004"))
      #expect(totals?["rest"] == .string("0.0000004"))
      #expect(closed.json?["reconciliation"]?["ties_out"] == .bool(true))
      let list = try await allocator.call("GET", "/v1/periods/2026-10/statements", as: .reader)
      let amounts = (list.json?["statements"]?.asArray ?? []).map { $0["total"]?.asString ?? "" }
      #expect(amounts == ["33.333334", "33.333333", "33.333333"])
      let verified = try await allocator.call("GET", "/v1/ledger/verify", as: .reader)
      #expect(verified.json?["sound"] == .bool(true))
      #expect(verified.json?["entries"] == .number("3"))
    }
  }

  @Test func `a statement comes in three forms from one document`() async throws {
    try await RunningAllocator.run { allocator in
      try await allocator.furnish()
      _ = try await allocator.close()
      let path = "/v1/periods/2026-10/statements/acme"

      let json = try await allocator.call("GET", path, as: .reader)
      let csv = try await allocator.call("GET", path + ".csv", as: .reader)
      let html = try await allocator.call(
        "GET", path, as: .reader, headers: [.init("Accept", "text/html")])

      let statement = try Statement(canonicalJSON: json.body)
      #expect(statement.printedTotalText == "33.34")
      #expect(statement.usage.first { $0.quantity == "requests" }?.value == 6)
      #expect(csv.body == statement.csv())
      #expect(html.text.contains("33.34 USD"))
      #expect(
        html.headers.contains {
          $0.name == "content-security-policy" && $0.value.hasPrefix("default-src 'none'")
        })
      let reads = try await allocator.store.audit.latest(3)
      #expect(reads.map(\.action) == Array(repeating: "statement.read", count: 3))
      #expect(reads.allSatisfy { $0.actor == "reader" && $0.subject == "acme 2026-10" })
    }
  }

  /// A file of FOCUS 1.4 Invoice Detail with one line.
  private static func details(_ amount: String, _ status: String) -> String {
    """
    BilledCost,BillingAccountId,BillingCurrency,BillingPeriodStart,BillingPeriodEnd,\
    ChargeCategory,InvoiceDetailCreated,InvoiceDetailId,\
    InvoiceDetailLastUpdated,InvoiceId,InvoiceIssueStatus,InvoiceIssuerName,PaymentTerms,\
    ReferenceInvoiceId
    \(amount),1,USD,2026-10-01T00:00:00Z,2026-11-01T00:00:00Z,\
    Usage,2026-11-02T00:00:00Z,D-1,2026-11-02T00:00:00Z,INV-7,\(status),Cloud,30 days,INV-7

    """
  }

  @Test func `a close compares the bill with the invoices that its issuer states`() async throws {
    try await RunningAllocator.run { allocator in
      try await allocator.furnish()
      func state(_ amount: String, _ status: String = "Issued") async throws {
        let answer = try await allocator.call(
          "POST", "/v1/costs?source=cloud", text: Self.details(amount, status))
        #expect(answer.status == 200, "\(answer.text)")
      }
      func blockers(_ answer: RunningAllocator.Answer) -> [String] {
        (answer.json?["blockers"]?.asArray ?? []).compactMap { $0["code"]?.asString }
      }

      try await state("120")
      let missing = try await allocator.close(dryRun: true)
      #expect(blockers(missing) == ["not-tied-out"])
      #expect(missing.text.contains("state 120 USD, its records without an invoice 110.9900004"))
      try await state("110.99", "Open")
      let open = try await allocator.close(dryRun: true)
      #expect(blockers(open) == ["bill-open"])
      let closed = try await allocator.close(waive: ["coverage-hole", "bill-open"])

      #expect(closed.status == 200, "\(closed.text)")
      let invoices = closed.json?["reconciliation"]?["invoices"]
      #expect(invoices?["listed"]?.asArray?.first?["explained"] == .bool(true))
      #expect(closed.json?["totals"]?["invoice"] == .string("110.99"))
      let period = try await allocator.call("GET", "/v1/periods/2026-10", as: .reader)
      #expect(period.json?["close"]?["invoices_sha256"]?.asString?.count == 64)
      #expect(period.json?["close"]?["rates_sha256"] == .null)
    }
  }

  @Test func `a bill that came twice is named, and one of them can be withdrawn`() async throws {
    try await RunningAllocator.run { allocator in
      try await allocator.furnish()
      _ = try await allocator.call("POST", "/v1/costs?source=clould", body: World.costs)
      func withdraw(_ source: String, what: String = "costs") async throws
        -> RunningAllocator.Answer
      {
        try await allocator.call(
          "POST", "/v1/costs/withdraw",
          text: #"{"source":"\#(source)","period":"2026-10","what":"\#(what)","reason":"typo"}"#)
      }

      let trial = try await allocator.close(dryRun: true)
      #expect(trial.text.contains("sources cloud and clould have the same 4 records"))
      #expect(try await withdraw("clould", what: "all").status == 400)
      #expect(try await withdraw("clould", what: "invoices").status == 404)
      #expect(try await withdraw("clould").status == 200)
      #expect(try await withdraw("clould").status == 404)
      let closed = try await allocator.close()

      #expect(closed.status == 200, "\(closed.text)")
      #expect(closed.json?["totals"]?["tenants"] == .string("100.000000"))
      let audit = try await allocator.store.audit.latest(10)
      #expect(audit.contains { $0.action == "costs.withdraw" && $0.detail.contains("reason=typo") })
      #expect(try await withdraw("cloud").status == 200)
      let late = try await allocator.call("GET", "/v1/costs/late?period=2026-10", as: .reader)
      #expect(late.json?["sources"]?.asArray?.count == 1)
    }
  }

  @Test func `a dry run names every blocker and stores nothing`() async throws {
    try await RunningAllocator.run { allocator in
      let costs = World.file([
        World.row(service: "Compute", cost: "1", currency: "EUR"),
        World.row(service: "Compute", cost: "x"),
      ])
      try await allocator.furnish(costs: costs, sequences: 2...2)
      _ = try await allocator.deliver(try World.batch(2, tenants: ["acme"]))

      let trial = try await allocator.close(dryRun: true, waive: [])

      #expect(trial.status == 200)
      let codes = Set(
        (trial.json?["blockers"]?.asArray ?? []).compactMap { $0["code"]?.asString })
      #expect(
        codes.isSuperset(of: [
          "coverage-hole", "batch-conflict", "rows-quarantined", "foreign-currency",
        ]))
      #expect(try await allocator.store.ledger.head() == .empty)
      let refused = try await allocator.close(waive: ["coverage-hole"])
      #expect(refused.status == 409)
      #expect(refused.code == "close_blocked")
      #expect((refused.json?["error"]?["details"]?.asArray ?? []).count >= 3)
    }
  }

  @Test(arguments: ["not-tied-out", "policy-missing", "everything"])
  func `what must not be waived cannot be`(_ code: String) async throws {
    try await RunningAllocator.run { allocator in
      try await allocator.furnish()

      let answer = try await allocator.close(waive: [code])

      #expect(answer.status == 400)
      #expect(answer.code == "invalid")
    }
  }

  @Test func `a running month closes only when somebody takes that on`() async throws {
    try await RunningAllocator.run { allocator in
      _ = try await allocator.call("PUT", "/v1/policy", text: World.policy)
      let rows = String(decoding: World.costs, as: UTF8.self)
        .replacingOccurrences(of: "2026-11-01", with: "2026-12-01")
        .replacingOccurrences(of: "2026-10-", with: "2026-11-")
      _ = try await allocator.call("POST", "/v1/costs?source=cloud", text: rows)
      let start = RunningAllocator.now.microseconds - 10_000_000
      _ = try await allocator.deliver(try World.batch(0, start: start))
      func body(_ waive: String) -> String { #"{"reason":"demo","waive":[\#(waive)]}"# }

      let refused = try await allocator.call(
        "POST", "/v1/periods/2026-11/close", text: body(""))
      let closed = try await allocator.call(
        "POST", "/v1/periods/2026-11/close", text: body(#""period-not-over""#))

      #expect(refused.text.contains("period-not-over"))
      #expect(closed.status == 200, "\(closed.text)")
      let waived = closed.json?["waived"]?.asArray ?? []
      #expect(waived.compactMap { $0["code"]?.asString } == ["period-not-over"])
      let trail = try await allocator.store.audit.latest(1).first
      #expect(trail?.action == "period.close")
      #expect(trail?.detail.contains("waived=period-not-over") == true)
    }
  }

  @Test func `a closed period stays as it is and shows what came late`() async throws {
    try await RunningAllocator.run { allocator in
      try await allocator.furnish()
      _ = try await allocator.close()
      let path = "/v1/periods/2026-10/statements/acme"
      let before = try await allocator.call("GET", path)

      _ = try await allocator.deliver(try World.batch(3))
      _ = try await allocator.call(
        "POST", "/v1/costs?source=cloud",
        body: World.file([World.row(service: "Compute", cost: "500")]))
      let again = try await allocator.close()
      let shown = try await allocator.call("GET", "/v1/periods/2026-10")

      #expect(again.status == 409)
      #expect(try await allocator.call("GET", path).body == before.body)
      #expect(shown.json?["state"] == .string("closed"))
      #expect(shown.json?["late_usage"]?["requests"] == .string("6"))
      #expect(shown.json?["late_costs"]?.asArray?.count == 1)
    }
  }

  @Test func `the same bill under another source is late cost of its own`() async throws {
    try await RunningAllocator.run { allocator in
      try await allocator.furnish()
      _ = try await allocator.close()

      let twice = try await allocator.call("POST", "/v1/costs?source=other", body: World.costs)
      let shown = try await allocator.call("GET", "/v1/periods/2026-10")
      let late = try await allocator.call("GET", "/v1/periods/2026-10/late")

      #expect(twice.json?["status"] == .string("stored"), "\(twice.text)")
      for answer in [shown, late] {
        let sources = answer.json?["late_costs"]?.asArray?.map { $0["source"]?.asString }
        #expect(sources == ["other"], "\(answer.text)")
      }
    }
  }

  @Test func `statements of any mix of tenants add up to the pools`() async throws {
    try await RunningAllocator.run { allocator in
      var random = SplitMix64.seeded()
      let names = (0..<40).map { "tenant-\($0)" } + ["~unattributed", "~invalid"]
      _ = try await allocator.call("PUT", "/v1/policy", text: World.policy)
      let costs = (0..<25).map { _ in
        let micros = Int(random.next() % 9_000_000_000) - 1_000_000_000
        return World.row(
          service: ["Compute", "Support", "Other"][Int(random.next() % 3)],
          cost: "\(micros / 1_000_000).\(abs(micros % 1_000_000))7")
      }
      _ = try await allocator.call("POST", "/v1/costs?source=cloud", body: World.file(costs))
      for sequence in 0..<5 {
        let present = names.filter { _ in random.next() % 2 == 0 }
        _ = try await allocator.deliver(try World.batch(UInt64(sequence), tenants: present))
      }

      let closed = try await allocator.close()

      #expect(closed.status == 200, "\(random.comment) \(closed.text.prefix(500))")
      #expect(closed.json?["totals"]?["difference"] == .string("0"), random.comment)
      let headings = try await allocator.store.statements.headings(of: RunningAllocator.october)
      let sum = headings.reduce(Int64(0)) { $0 + $1.total.micros }
      let posted = try await allocator.store.ledger.entries(max: 100).flatMap(\.entry.postings)
      let tenants = posted.filter { $0.account.text.hasPrefix("tenant:") }
        .reduce(Int64(0)) { $0 + $1.amount.micros }
      #expect(sum == tenants, random.comment)
      #expect(posted.reduce(Int64(0)) { $0 + $1.amount.micros } == 0, random.comment)
    }
  }

  @Test func `the reconciliation of an open period is a preview`() async throws {
    try await RunningAllocator.run { allocator in
      try await allocator.furnish()

      let answer = try await allocator.call("GET", "/v1/periods/2026-10/reconciliation")

      #expect(answer.status == 200)
      #expect(answer.json?["state"] == .string("open"))
      #expect(answer.json?["reconciliation"]?["costs"]?["difference"] == .string("0"))
      #expect(try await allocator.store.ledger.head() == .empty)
    }
  }
}
