import Accounting
import Foundation
import HTTPClient
import Store
import Testing
import Usage

/// Currencies, names over time, comparisons and explanations, over the API of a running allocator.
@Suite struct MoneyTests {
  private static let rates = """
    date,from,to,rate,invoice
    2026-09-30,EUR,USD,1.10,
    2026-10-31,EUR,USD,1.0850,

    """

  private static let euros = World.file([
    World.row(service: "Compute", cost: "100.00", currency: "EUR"),
    World.row(service: "Compute", cost: "10.00"),
  ])

  @Test func `a bill in euros closes once a rate is known, and says which`() async throws {
    try await RunningAllocator.run { allocator in
      try await allocator.furnish(costs: Self.euros)
      let blocked = try await allocator.close()
      let stored = try await allocator.call(
        "POST", "/v1/rates?source=ecb", text: Self.rates)
      let again = try await allocator.call("POST", "/v1/rates?source=ecb", text: Self.rates)

      let closed = try await allocator.close()

      #expect(blocked.code == "close_blocked")
      #expect(blocked.text.contains("foreign-currency"))
      #expect(stored.json?["status"] == .string("stored"), "\(stored.text)")
      #expect(again.json?["status"] == .string("unchanged"))
      #expect(closed.status == 200, "\(closed.text)")
      #expect(closed.json?["totals"]?["posted"] == .string("120.000000"))
      let conversions = closed.json?["reconciliation"]?["conversions"]?.asArray ?? []
      #expect(conversions.map { $0["rate"]?.asString } == ["1.1"])
      #expect(conversions.map { $0["date"]?.asString } == ["2026-09-30"])
      let statement = try await allocator.call(
        "GET", "/v1/periods/2026-10/statements/acme", as: .reader)
      #expect(
        statement.text.contains("100 EUR converted at 1.1 USD (table, ecb of 2026-09-30)"))
      let listed = try await allocator.call("GET", "/v1/rates?limit=1", as: .reader)
      #expect(listed.json?["rates"]?.asArray?.first?["date"] == .string("2026-10-31"))
    }
  }

  @Test func `an invoice's own rate is posted beside the rows' rate`() async throws {
    try await RunningAllocator.run { allocator in
      let policy = World.policy + "\nconversion: {order: [table, invoice]}\n"
      let row = World.row(service: "Compute", cost: "100.00", currency: "EUR") + ",INV-7"
      let file = (World.header + ["InvoiceId"]).joined(separator: ",") + "\n" + row + "\n"
      try await allocator.furnish(costs: Array(file.utf8))
      _ = try await allocator.call("PUT", "/v1/policy", text: policy)
      _ = try await allocator.call(
        "POST", "/v1/rates?source=ecb", text: Self.rates + "2026-10-31,EUR,USD,1.25,INV-7\n")

      let closed = try await allocator.close()

      #expect(closed.status == 200, "\(closed.text)")
      #expect(closed.json?["totals"]?["fx"] == .string("15.000000"))
      #expect(closed.json?["totals"]?["tenants"] == .string("110.000000"))
      #expect(closed.json?["totals"]?["invoice"] == .string("125"))
      let verified = try await allocator.call("GET", "/v1/ledger/verify", as: .reader)
      #expect(verified.json?["sound"] == .bool(true))
    }
  }

  @Test func `every fault of a file of rates is named and nothing of it is stored`() async throws {
    try await RunningAllocator.run { allocator in
      let file = """
        date,from,to,rate
        2026-10-1,EUR,USD,1
        2026-10-01,EUR,EUR,1
        2026-10-01,XAU,USD,1
        2026-10-01,EUR,USD,-1
        2026-10-01,GBP,USD,1.3
        2026-10-01,GBP,USD,1.3

        """

      let answer = try await allocator.call("POST", "/v1/rates?source=ecb", text: file)

      #expect(answer.status == 422)
      #expect(answer.code == "rates_invalid")
      let faults = (answer.json?["error"]?["details"]?.asArray ?? []).compactMap(\.asString)
      #expect(
        faults.map { $0.prefix(7) } == ["line 2:", "line 3:", "line 4:", "line 5:", "line 7:"])
      let listed = try await allocator.call("GET", "/v1/rates", as: .reader)
      #expect(listed.json?["rates"] == .array([]))
      #expect(try await allocator.call("POST", "/v1/rates", text: Self.rates).code == "invalid")
    }
  }

  @Test func `usage of a renamed tenant counts by the hour of the new name`() async throws {
    try await RunningAllocator.run { allocator in
      try await allocator.furnish(sequences: 0...0)
      let middle = RunningAllocator.october.start.microseconds + 14 * 86_400_000_000
      _ = try await allocator.deliver(
        try World.batch(1, tenants: ["acme", "bolt"], start: middle))
      let file = "kind,tenant,target,from,to\nalias,bolt,volt,2026-10-15,\n"
      let put = try await allocator.call("PUT", "/v1/tenants/history", text: file)

      let closed = try await allocator.close(waive: ["coverage-hole"])

      #expect(put.status == 200, "\(put.text)")
      #expect(closed.status == 200, "\(closed.text)")
      // 500 µs each: acme 1000, bolt 500 before, volt 500 after, core 500.
      let list = try await allocator.call("GET", "/v1/periods/2026-10/statements", as: .reader)
      let totals = (list.json?["statements"]?.asArray ?? []).map {
        "\($0["tenant"]?.asString ?? "") \($0["total"]?.asString ?? "")"
      }
      #expect(
        totals == ["acme 40.000000", "bolt 20.000000", "core 20.000000", "volt 20.000000"])
      let shown = try await allocator.call(
        "GET", "/v1/tenants/history", as: .reader, headers: [.init("Accept", "text/csv")])
      #expect(shown.text == file.replacingOccurrences(of: "\n", with: "\r\n"))
    }
  }

  @Test(arguments: [
    ("kind,tenant,target,from\nalias,a,b,2026-10-01\nalias,b,a,2026-10-05\n", "leads back to it"),
    ("kind,tenant,target,from\nalias,a,b,2026-10-01\nalias,a,c,2026-10-05\n", "two hold at once"),
    ("kind,tenant,target,from\nowner,a,b,2026-10-01\n", "line 2: kind must be alias or parent"),
    ("kind,tenant,target,from\nparent,a,~b,soon\n", "line 2: from: not a day"),
  ])
  func `names that cannot be are refused`(file: String, fault: String) async throws {
    try await RunningAllocator.run { allocator in
      let answer = try await allocator.call("PUT", "/v1/tenants/history", text: file)

      #expect(answer.code == "history_invalid")
      #expect(answer.text.contains(fault), "\(answer.text)")
    }
  }

  @Test func `a comparison shows who would pay what and stores nothing`() async throws {
    try await RunningAllocator.run { allocator in
      try await allocator.furnish()
      let even = World.policy.replacingOccurrences(
        of: "kind: keep", with: "kind: even")
      let body = JSONValue.object([
        .init("period", .string("2026-10")), .init("old", .null), .init("new", .string(even)),
      ])

      let answer = try await allocator.call(
        "POST", "/v1/policy/diff", as: .reader, body: body.canonicalBytes)

      #expect(answer.status == 200, "\(answer.text)")
      let changes = (answer.json?["accounts"]?.asArray ?? []).map {
        "\($0["account"]?.asString ?? "") \($0["change"]?.asString ?? "")"
      }
      #expect(
        changes == [
          "tenant:acme 3.166667", "tenant:bolt 3.166667", "tenant:core 3.166666",
          "platform:kept -9.500000", "platform:unallocated:unmatched 0.000000",
        ])
      #expect(try await allocator.store.audit.latest(1).map(\.action) == ["why.read"])
      let current = try await allocator.call("GET", "/v1/policy")
      #expect(current.text.contains("kind: keep"))
    }
  }

  @Test func `faults of either policy are told with its side`() async throws {
    try await RunningAllocator.run { allocator in
      try await allocator.furnish()
      let body = JSONValue.object([
        .init("period", .string("2026-10")), .init("new", .string("version: 7")),
      ])

      let answer = try await allocator.call(
        "POST", "/v1/policy/diff", body: body.canonicalBytes)

      #expect(answer.code == "policy_invalid")
      #expect(answer.text.contains("new: version: this Weir reads policy version 1"))
    }
  }

  @Test func `the chain from the bill to the amount agrees with the statement`() async throws {
    try await RunningAllocator.run { allocator in
      try await allocator.furnish()
      let path = "/v1/periods/2026-10/why?tenant=acme&pool=compute"
      let open = try await allocator.call("GET", path, as: .reader)
      _ = try await allocator.close()

      let closed = try await allocator.call("GET", path, as: .reader)

      #expect(open.status == 200, "\(open.text)")
      #expect(open.json?["statement"] == .null)
      #expect(closed.json?["amount"] == .string("33.333334"))
      #expect(closed.json?["statement"]?["agrees"] == .bool(true))
      #expect(closed.json?["bill"]?["records"] == .number("2"))
      let steps = (closed.json?["steps"]?.asArray ?? []).compactMap { $0["text"]?.asString }
      #expect(steps.contains { $0.contains("acme has 1500 of 4500 us") }, "\(steps)")
      #expect(
        steps.contains {
          $0.contains(
            "100000000 micro-units * 1500 / 4500 = 33.333333333333333333; floor 33333333, "
              + "remainder 1500 of 4500, large enough for one of the units left: 33.333334")
        }, "\(steps)")
      let none = try await allocator.call(
        "GET", "/v1/periods/2026-10/why?tenant=acme&pool=moon", as: .reader)
      #expect(none.status == 404)
      let idle = try await allocator.call(
        "GET", "/v1/periods/2026-10/why?tenant=acme&pool=compute~idle", as: .reader)
      #expect(idle.json?["pool"] == .string("compute"))
    }
  }
}
