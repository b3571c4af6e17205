import Accounting
import Digest
import Foundation
import HTTPClient
import Store
import Testing
import Usage

/// Random lives of three months and an open one: whatever is closed, adjusted, reversed, restated and
/// disputed in whatever order, the ledger balances, verifies, and agrees with the statements.
@Suite struct LifeOfMonthsTests {
  private static let lives = 6
  private static let steps = 40
  private static let months = ["2026-08", "2026-09", "2026-10"]
  private static let open = "/v1/periods/2026-11/adjustments"

  private struct Life {
    let allocator: RunningAllocator
    var random: SplitMix64
    var sequence: UInt64 = 0
    var counts: [String: Int] = [:]

    mutating func pick<Value>(_ values: [Value]) -> Value {
      values[Int(random.next() % UInt64(values.count))]
    }

    /// A first bill and some usage, so that the month can close.
    mutating func furnish(_ month: String) async throws {
      _ = try await bill(month)
      _ = try await deliver(month)
    }

    /// One deed; what the allocator refuses is part of the life, what it fails at is not.
    mutating func step() async throws -> String {
      let month = pick(LifeOfMonthsTests.months)
      let deeds = [
        "usage", "usage", "bill", "bill", "close", "close", "soft-close", "late", "late", "late",
        "restate", "restate", "restate", "reverse", "reverse", "adjust", "write-off", "dispute",
      ]
      let deed = pick(deeds)
      let answer = try await perform(deed, month)
      #expect(answer.status < 500, "\(random.comment) \(deed) \(month): \(answer.text)")
      if answer.status < 300 { counts[deed, default: 0] += 1 }
      return "\(deed) \(month) \(answer.status)"
    }

    private mutating func perform(
      _ deed: String, _ month: String
    ) async throws -> RunningAllocator.Answer {
      let path = "/v1/periods/\(month)"
      let waive = #""waive":["coverage-hole"]"#
      switch deed {
      case "usage": return try await deliver(month)
      case "bill": return try await bill(month)
      case "close", "restate":
        return try await allocator.call(
          "POST", "\(path)/\(deed)", text: #"{"reason":"r",\#(waive)}"#)
      case "soft-close":
        return try await allocator.call("POST", "\(path)/soft-close", text: #"{"reason":"r"}"#)
      case "late":
        return try await allocator.call(
          "POST", LifeOfMonthsTests.open,
          text: #"{"kind":"late","origin":"\#(month)","reason":"r"}"#)
      case "reverse": return try await reverse()
      case "dispute":
        return try await allocator.call(
          "POST", "/v1/disputes", text: #"{"tenant":"acme","period":"\#(month)","text":"why?"}"#)
      default: return try await byHand(deed)
      }
    }

    private mutating func deliver(_ month: String) async throws -> RunningAllocator.Answer {
      let start = try Period(parsing: month).start.microseconds + Int64(sequence) * 10_000_000
      let tenants = World.tenants.filter { _ in random.next() % 2 == 0 } + ["~unattributed"]
      sequence += 1
      return try await allocator.deliver(
        try World.batch(sequence - 1, tenants: tenants, start: start))
    }

    private mutating func bill(_ month: String) async throws -> RunningAllocator.Answer {
      let next = try Period(parsing: month).next.description
      let rows = (0..<3).map { _ in
        let micros = Int(random.next() % 900_000_000) - 100_000_000
        return World.row(
          service: pick(["Compute", "Support", "Other"]),
          cost: "\(micros / 1_000_000).\(abs(micros % 1_000_000))7")
      }
      let file = String(decoding: World.file(rows), as: UTF8.self)
        .replacingOccurrences(of: "2026-11-01", with: "@")
        .replacingOccurrences(of: "2026-10", with: month)
        .replacingOccurrences(of: "@", with: "\(next)-01")
      return try await allocator.call("POST", "/v1/costs?source=cloud-\(month)", text: file)
    }

    private mutating func reverse() async throws -> RunningAllocator.Answer {
      let entries = try await allocator.store.ledger.entries(max: 1_000).map(\.entry)
        .filter { $0.kind == .adjustment || $0.kind == .writeOff }
      let id = entries.isEmpty ? String(repeating: "0", count: 64) : pick(entries).id.hex
      return try await allocator.call(
        "POST", LifeOfMonthsTests.open, text: #"{"kind":"reverse","entry":"\#(id)","reason":"r"}"#)
    }

    private mutating func byHand(_ deed: String) async throws -> RunningAllocator.Answer {
      let terms =
        #""amount":"1.\#(random.next() % 1_000)","currency":"USD","#
        + #""reference":"T-\#(random.next() % 4)","reason":"r""#
      let accounts =
        deed == "adjust" ? #""from":"tenant:acme","to":"platform:kept""# : #""tenant":"bolt""#
      return try await allocator.call(
        "POST", LifeOfMonthsTests.open, text: #"{"kind":"\#(deed)",\#(accounts),\#(terms)}"#)
    }
  }

  @Test(.timeLimit(.minutes(5)))
  func `whatever happens in whatever order, the books hold`() async throws {
    let seed = SplitMix64.seeded()
    for number in 0..<Self.lives {
      try await RunningAllocator.run { allocator in
        var random = seed
        for _ in 0..<number * 1_000 { _ = random.next() }
        var life = Life(allocator: allocator, random: random)
        _ = try await allocator.call("PUT", "/v1/policy", text: World.policy)
        for month in Self.months { try await life.furnish(month) }
        var story: [String] = []
        for _ in 0..<Self.steps {
          story.append(try await life.step())
          try await Self.check(allocator, "\(seed.comment) life \(number): \(story)")
        }
        try await Self.settle(allocator, "\(seed.comment) life \(number): \(story)")
        print("life \(number): \(life.counts)")
      }
    }
  }

  private static func check(_ allocator: RunningAllocator, _ comment: Comment) async throws {
    let verified = try await allocator.store.ledger.verify()
    #expect(verified.isSound, "\(comment) \(verified.faults)")
    let entries = try await allocator.store.ledger.entries(max: 10_000).map(\.entry)
    #expect(Set(entries.map(\.id)).count == entries.count, comment)
    for entry in entries {
      var sums: [Currency: Int64] = [:]
      for posting in entry.postings {
        sums[posting.amount.currency, default: 0] += posting.amount.micros
      }
      #expect(sums.values.allSatisfy { $0 == 0 }, comment)
    }
    for month in months { try await checkMonth(month, entries, allocator, comment) }
  }

  /// Statements + unallocated + kept + rounding = the cost of the pools, for the latest version; and
  /// nothing is left of the versions before.
  private static func checkMonth(
    _ month: String, _ entries: [Entry], _ allocator: RunningAllocator, _ comment: Comment
  ) async throws {
    let period = try Period(parsing: month)
    let record = try await allocator.store.periods.record(of: period)
    let own = entries.filter {
      $0.period == period && ($0.kind == .allocation || $0.kind == .reversal)
    }
    guard record.state == .closed else {
      #expect(own.isEmpty, comment)
      return
    }
    var sums: [Account: Int64] = [:]
    for posting in own.flatMap(\.postings) {
      sums[posting.account, default: 0] += posting.amount.micros
    }
    let costs = sums.filter { $0.key.text.hasPrefix("cost:") }.values.reduce(0, +)
    let tenants = sums.filter { $0.key.text.hasPrefix("tenant:") }.values.reduce(0, +)
    let platform = sums.filter { $0.key.text.hasPrefix("platform:") }.values.reduce(0, +)
    let headings = try await allocator.store.statements.headings(of: period)
    #expect(headings.allSatisfy { $0.version == record.version }, comment)
    #expect(headings.reduce(Int64(0)) { $0 + $1.total.micros } == tenants, comment)
    #expect(tenants + platform == -costs, comment)
    let latest = own.filter { $0.kind == .allocation && $0.version == record.version }
      .flatMap(\.postings).filter { $0.account.text.hasPrefix("cost:") }
    #expect(latest.reduce(Int64(0)) { $0 + $1.amount.micros } == costs, comment)
  }

  /// What came late is taken in once, and then nothing is open; old versions are there, and each
  /// seal holds.
  private static func settle(_ allocator: RunningAllocator, _ comment: Comment) async throws {
    for month in months {
      let period = try Period(parsing: month)
      let record = try await allocator.store.periods.record(of: period)
      guard record.state == .closed else { continue }
      let body = #"{"kind":"late","origin":"\#(month)","reason":"r"}"#
      _ = try await allocator.call("POST", open, text: body)
      let again = try await allocator.call("POST", open, text: body)
      #expect(again.text.contains("nothing-late"), "\(comment) \(again.text)")
      for version in 1...record.version {
        // Without a named tenant there is no statement, but the version's summary is always there.
        let kept = try await allocator.store.statements.overview(of: period, version: version)
        #expect(!kept.summary.isEmpty, comment)
        let seal = try await allocator.store.periods.seal(of: period, version: version)
        let faults = try await allocator.store.periods.faults(against: seal)
        #expect(faults == [], "\(comment)")
        let file = allocator.folder.appendingPathComponent("seals/\(month)-v\(version).json")
        #expect(try [UInt8](Data(contentsOf: file)) == seal.bytes, "\(comment)")
      }
    }
  }
}
