import Accounting
import Digest
import Foundation
import Store
import Testing
import Usage

/// What came late, adjustments by hand, write-offs, reversals.
@Suite struct CorrectionTests {
  private static let november = "/v1/periods/2026-11/adjustments"

  private static func closedWithLateFacts(_ allocator: RunningAllocator) async throws {
    try await allocator.furnish()
    _ = try await allocator.close()
    _ = try await allocator.deliver(try World.batch(3, tenants: ["acme"]))
    _ = try await allocator.call(
      "POST", "/v1/costs?source=cloud",
      body: World.file([
        World.row(service: "Compute", cost: "120.00"),
        World.row(service: "Support", cost: "9.99", effective: "9.5"),
        World.row(service: "Mystery", cost: "1.0000004"),
      ]))
  }

  private static func balances(_ allocator: RunningAllocator) async throws -> [Account: Int64] {
    var balances: [Account: Int64] = [:]
    for chained in try await allocator.store.ledger.entries(max: 1_000) {
      for posting in chained.entry.postings {
        balances[posting.account, default: 0] += posting.amount.micros
      }
    }
    return balances
  }

  @Test func `what came late is posted once, in the open period, linked both ways`() async throws {
    try await RunningAllocator.run { allocator in
      try await Self.closedWithLateFacts(allocator)
      let seen = try await allocator.call("GET", "/v1/periods/2026-10/late")
      #expect(seen.json?["not_taken_in"]?.asArray?.count == 1, "\(seen.text)")
      #expect(seen.json?["late_usage"]?["requests"] == .string("2"))
      // 130.99 are billed now, 110.99 are in the ledger.
      #expect(seen.json?["variance"]?["met"] == .bool(false), "\(seen.text)")
      #expect(seen.json?["variance"]?["difference"] == .string("-20"))
      let body = #"{"kind":"late","origin":"2026-10","reason":"came late"}"#

      let posted = try await allocator.call("POST", Self.november, text: body)
      #expect(posted.status == 200, "\(posted.text)")
      let again = try await allocator.call("POST", Self.november, text: body)

      #expect(again.code == "posting_blocked" && again.text.contains("nothing-late"))
      let balances = try await Self.balances(allocator)
      #expect(balances[.tenant("acme")] == 48_000_000)
      #expect(balances[.tenant("bolt")] == 36_000_000)
      #expect(balances[.cost(pool: "compute")] == -120_000_000)
      let entries = try await allocator.store.ledger.entries(max: 100).map(\.entry)
      let adjustment = try #require(entries.last)
      #expect(adjustment.period.description == "2026-11" && adjustment.kind == .adjustment)
      #expect(LateSubject(text: adjustment.subject)?.origin == RunningAllocator.october)
      let list = try await allocator.call("GET", "/v1/periods/2026-10/adjustments")
      let shown = list.json?["because_of_it"]?.asArray?.first
      #expect(shown?["id"] == .string(adjustment.id.hex))
      #expect(shown?["links"]?.asArray?.first?["kind"] == .string("corrects"))
      let origin = try await allocator.call("GET", "/v1/ledger/entries?limit=1")
      #expect(origin.text.contains("corrected-by"))
      let after = try await allocator.call("GET", "/v1/periods/2026-10/late")
      #expect(after.json?["not_taken_in"] == .array([]))
      #expect(after.json?["variance"]?["met"] == .bool(true), "\(after.text)")
      #expect(try await allocator.store.ledger.verify().isSound)
    }
  }

  @Test func `what was adjusted is reversed before the period is restated`() async throws {
    try await RunningAllocator.run { allocator in
      try await Self.closedWithLateFacts(allocator)
      let posted = try await allocator.call(
        "POST", Self.november, text: #"{"kind":"late","origin":"2026-10","reason":"late"}"#)
      let id = try #require(posted.json?["entries"]?.asArray?.first?["id"]?.asString)
      let restate = #"{"reason":"restate","waive":["coverage-hole"]}"#
      let path = "/v1/periods/2026-10/restate"

      let blocked = try await allocator.call("POST", path, text: restate)
      #expect(blocked.text.contains("late-adjusted"))
      let reverse = #"{"kind":"reverse","entry":"\#(id)","reason":"restating instead"}"#
      #expect(try await allocator.call("POST", Self.november, text: reverse).status == 200)
      let twice = try await allocator.call("POST", Self.november, text: reverse)
      #expect(twice.text.contains("already-reversed"), "\(twice.text)")
      let restated = try await allocator.call("POST", path, text: restate)

      #expect(restated.status == 200, "\(restated.text)")
      let balances = try await Self.balances(allocator)
      #expect(balances[.tenant("acme")] == 48_000_000)
      #expect(balances.values.reduce(0, +) == 0)
      let late = try await allocator.call("GET", "/v1/periods/2026-10/late")
      #expect(late.json?["not_taken_in"] == .array([]))
    }
  }

  @Test func `an adjustment by hand is posted once by its reference and can be undone once`()
    async throws
  {
    try await RunningAllocator.run { allocator in
      try await allocator.furnish()
      _ = try await allocator.close()
      let body = #"""
        {"kind":"adjust","from":"tenant:acme","to":"platform:kept","amount":"3.50","currency":"USD",
         "reference":"T-17","reason":"goodwill"}
        """#

      let posted = try await allocator.call("POST", Self.november, text: body)
      #expect(posted.status == 200, "\(posted.text)")
      let again = try await allocator.call("POST", Self.november, text: body)
      #expect(again.status == 409 && again.code == "exists", "\(again.text)")
      #expect(try await Self.balances(allocator)[.tenant("acme")] == 29_833_334)
      let id = try #require(posted.json?["entries"]?.asArray?.first?["id"]?.asString)
      let undone = try await allocator.call(
        "POST", Self.november, text: #"{"kind":"reverse","entry":"\#(id)","reason":"wrong"}"#)

      #expect(undone.status == 200, "\(undone.text)")
      #expect(try await Self.balances(allocator)[.tenant("acme")] == 33_333_334)
      let closedPeriod = try await allocator.call(
        "POST", "/v1/periods/2026-10/adjustments", text: body)
      #expect(closedPeriod.text.contains("period-closed"))
      let list = try await allocator.call("GET", Self.november)
      #expect(list.json?["posted_here"]?.asArray?.count == 2)
    }
  }

  @Test(arguments: [
    (#""kind":"adjust","from":"tenant:acne","to":"platform:kept""#, "from: no tenant"),
    (#""kind":"adjust","from":"platform:kept","to":"tenant:acne""#, "to: no tenant"),
    (#""kind":"adjust","from":"tenant:ac me","to":"platform:kept""#, "from: "),
    (#""kind":"adjust","from":"tenant:~overflow","to":"platform:kept""#, "from: "),
    (#""kind":"adjust","from":"tenants:acme","to":"platform:kept""#, "from: "),
    (#""kind":"adjust","from":"tenant:acme","to":"platform:unallocated:goodwill""#, "to: "),
    (#""kind":"write-off","tenant":"acne""#, "tenant: no tenant"),
    (#""kind":"write-off","tenant":"~invalid""#, "tenant: "),
  ])
  func `money moves only between accounts that are known`(_ members: String, _ fault: String)
    async throws
  {
    try await RunningAllocator.run { allocator in
      try await allocator.furnish()
      let rest = #""amount":"1","currency":"USD","reference":"T-1","reason":"r""#
      for flag in ["", #","dry_run":true"#] {
        let answer = try await allocator.call(
          "POST", Self.november, text: "{\(members),\(rest)\(flag)}")

        #expect(answer.status == 400 && answer.code == "invalid", "\(answer.text)")
        let message = answer.json?["error"]?["message"]?.asString ?? ""
        #expect(message.hasPrefix(fault), "\(message)")
      }
    }
  }

  @Test(arguments: ["registered", "used", "posted"])
  func `a tenant is known by the register, by usage or by the ledger`(_ how: String) async throws {
    try await RunningAllocator.run { allocator in
      var tenant = "acme"
      switch how {
      case "registered":
        tenant = "newcomer"
        _ = try await allocator.call("POST", "/v1/tenants", text: "id,name,plan\nnewcomer,N,gold\n")
      case "used": try await allocator.furnish()
      default:
        let policy = World.policy.replacingOccurrences(
          of: "{kind: keep}", with: "{kind: fixed, percents: {named: 100}}")
        try await allocator.furnish()
        _ = try await allocator.call("PUT", "/v1/policy", text: policy)
        let closed = try await allocator.close()
        #expect(closed.status == 200, "\(closed.text)")
        tenant = "named"
      }

      let answer = try await allocator.call(
        "POST", Self.november,
        text: """
          {"kind":"adjust","from":"tenant:\(tenant)","to":"platform:unallocated:no-driver",
           "amount":"1","currency":"USD","reference":"T-1","reason":"r"}
          """)

      #expect(answer.status == 200, "\(answer.text)")
    }
  }

  @Test func `a write-off moves what a tenant owes to the platform`() async throws {
    try await RunningAllocator.run { allocator in
      try await allocator.furnish()
      _ = try await allocator.close()

      let posted = try await allocator.call(
        "POST", Self.november,
        text: #"""
          {"kind":"write-off","tenant":"bolt","amount":"33.333333","currency":"USD",
           "reference":"insolvent","reason":"bolt is gone"}
          """#)

      #expect(posted.status == 200, "\(posted.text)")
      let balances = try await Self.balances(allocator)
      #expect(balances[.tenant("bolt")] == 0)
      #expect(balances[.unallocated("write-off")] == 33_333_333)
      #expect(try await allocator.store.audit.latest(1).first?.action == "ledger.write-off")
    }
  }

  @Test(arguments: [
    (
      #"{"kind":"adjust","from":"cost:compute","to":"platform:kept","amount":"1","currency":"USD","reference":"a","reason":"r"}"#,
      "accounting"
    ),
    (
      #"{"kind":"adjust","from":"tenant:a","to":"tenant:a","amount":"1","currency":"USD","reference":"a","reason":"r"}"#,
      "accounting"
    ),
    (
      #"{"kind":"adjust","from":"tenant:a","to":"tenant:b","amount":"-1","currency":"USD","reference":"a","reason":"r"}"#,
      "accounting"
    ),
    (
      #"{"kind":"adjust","from":"tenant:a","to":"tenant:b","amount":"0.0000001","currency":"USD","reference":"a","reason":"r"}"#,
      "invalid"
    ),
    (
      #"{"kind":"adjust","from":"tenant:a","to":"tenant:b","amount":"1","currency":"XXQ","reference":"a","reason":"r"}"#,
      "invalid"
    ),
    (
      #"{"kind":"adjust","from":"tenant:a","to":"tenant:b","amount":"1","currency":"USD","reference":"a b","reason":"r"}"#,
      "accounting"
    ),
    (
      #"{"kind":"adjust","from":"tenant:a","to":"tenant:b","amount":"1","currency":"USD","reference":"a"}"#,
      "invalid"
    ),
    (
      #"{"kind":"adjust","from":"tenant:a","to":"tenant:b","amount":"1","currency":"USD","reference":"a","reason":"r","x":1}"#,
      "invalid"
    ),
    (#"{"kind":"late","origin":"2026-09","reason":"r"}"#, "posting_blocked"),
    (#"{"kind":"reverse","entry":"zz","reason":"r"}"#, "invalid"),
    (
      #"{"kind":"reverse","entry":"0000000000000000000000000000000000000000000000000000000000000000","reason":"r"}"#,
      "not_found"
    ),
    (#"{"kind":"steal","reason":"r"}"#, "invalid"),
  ])
  func `what cannot be posted is refused, with nothing posted`(
    _ body: String, _ code: String
  ) async throws {
    try await RunningAllocator.run { allocator in
      let answer = try await allocator.call("POST", Self.november, text: body)

      #expect(answer.code == code, "\(answer.text)")
      #expect(try await allocator.store.ledger.head() == .empty)
    }
  }

  @Test func `an entry of a close cannot be reversed by hand`() async throws {
    try await RunningAllocator.run { allocator in
      try await allocator.furnish()
      _ = try await allocator.close()
      let entry = try #require(try await allocator.store.ledger.entries(max: 1).first?.entry)

      let answer = try await allocator.call(
        "POST", Self.november,
        text: #"{"kind":"reverse","entry":"\#(entry.id.hex)","reason":"no"}"#)

      #expect(answer.code == "accounting" && answer.text.contains("allocation"))
    }
  }

  @Test func `a dispute has events, evidence and an age, and never touches the ledger`()
    async throws
  {
    try await RunningAllocator.run { allocator in
      try await allocator.furnish()
      _ = try await allocator.close()
      let head = try await allocator.store.ledger.head()
      let digest = SHA256.hash("their own log").hex

      let opened = try await allocator.call(
        "POST", "/v1/disputes",
        text: #"""
          {"tenant":"acme","period":"2026-10","pool":"compute","amount":"10","currency":"USD",
           "text":"half of it was yours","evidence_name":"log.csv","evidence_sha256":"\#(digest)"}
          """#)
      #expect(opened.status == 201, "\(opened.text)")
      #expect(opened.json?["state"] == .string("open"))
      let metrics = try await allocator.admin("/metrics").text
      #expect(metrics.contains("weir_allocator_disputes_open 1\n"))
      let answered = try await allocator.call(
        "POST", "/v1/disputes/1/answer", text: #"{"text":"let us look"}"#)
      #expect(answered.json?["state"] == .string("answered"))
      let resolved = try await allocator.call(
        "POST", "/v1/disputes/1/resolve", text: #"{"text":"it stands","outcome":"rejected"}"#)
      #expect(resolved.json?["state"] == .string("resolved"))
      #expect(resolved.json?["age_seconds"] == .number("0"))
      #expect(resolved.json?["events"]?.asArray?.count == 3)
      let closed = try await allocator.call(
        "POST", "/v1/disputes/1/answer", text: #"{"text":"but"}"#)

      #expect(closed.status == 409)
      let open = try await allocator.call("GET", "/v1/disputes?state=unresolved")
      #expect(open.json?["disputes"] == .array([]))
      let nobody = try await allocator.call(
        "POST", "/v1/disputes", text: #"{"tenant":"zeta","period":"2026-10","text":"me too"}"#)
      #expect(nobody.status == 404)
      #expect(try await allocator.store.ledger.head() == head)
      let deeds = try await allocator.store.audit.latest(5).map(\.action)
      #expect(deeds.contains("dispute.open") && deeds.contains("dispute.resolve"))
    }
  }
}
