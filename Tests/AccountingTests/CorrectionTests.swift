import Digest
import Testing

@testable import Accounting

/// Late facts, reversals and restatements over random worlds: what was posted plus what is corrected
/// is what would be posted now, to the unit.
struct CorrectionTests {
  private static let worlds = 1_500

  private static func isBalanced(_ entry: Entry) -> Bool {
    var sums: [Currency: Int128] = [:]
    for posting in entry.postings {
      sums[posting.amount.currency, default: 0] += Int128(posting.amount.micros)
    }
    return sums.values.allSatisfy { $0 == 0 }
  }

  /// The same world with more usage, and some records changed.
  private static func later(
    _ world: World, _ random: inout SplitMix64
  ) throws -> (records: [CostRecord], usage: UsageFigures) {
    var rows = world.usageRows
    for _ in 0..<Int.random(in: 0...4, using: &random) {
      rows.append(
        (
          tenant: "t\(Int.random(in: 0..<9, using: &random))", route: "api",
          quantity: World.quantities.randomElement(using: &random) ?? "requests",
          value: UInt128.random(in: 1...100_000, using: &random)
        ))
    }
    var records = world.records
    if random.chance(60) {
      records[Int.random(in: 0..<records.count, using: &random)] = Fixtures.record(
        "\(Int.random(in: -500...500, using: &random)).123456789", service: "s0")
    }
    return (records, try Fixtures.usage(rows))
  }

  @Test func `adjustments make up what came late exactly, and nothing twice`() throws {
    var random = SplitMix64(seed: Seed.value)
    var changed = 0
    for number in 0..<Self.worlds {
      let world = try World(&random)
      let first = try Close(world.records, policy: world.policy, usage: world.usage)
      let comment: Comment = "world \(number), WEIR_SEED=\(Seed.value)"
      var posted = first.chain.map(\.entry)
      var head = first.chain.last?.head ?? .empty
      for ordinal in 1...3 {
        let late = try Self.later(world, &random)
        let now = try Close(late.records, policy: world.policy, usage: late.usage)
        let wanted = now.chain.map(\.entry)
        let changes = try LateAdjustment.changes(posted: posted, wanted: wanted)
        let entries = try LedgerPosting.adjustments(
          changes, origin: (Fixtures.october, 1), ordinal: ordinal,
          context: Fixtures.correction("2026-11"), after: head)

        #expect(entries.allSatisfy { Self.isBalanced($0.entry) }, comment)
        posted += entries.map(\.entry)
        head = entries.last?.head ?? head
        #expect(Fixtures.sums(posted) == Fixtures.sums(wanted), comment)
        #expect(try LateAdjustment.changes(posted: posted, wanted: wanted).isEmpty, comment)
        changed += changes.isEmpty ? 0 : 1
      }
      #expect(Set(posted.map(\.id)).count == posted.count, comment)
    }
    #expect(changed > Self.worlds, "late facts change most worlds")
  }

  @Test func `a reversal of adjustments takes them out, and a restatement restores`() throws {
    var random = SplitMix64(seed: Seed.value)
    for number in 0..<Self.worlds {
      let world = try World(&random)
      let first = try Close(world.records, policy: world.policy, usage: world.usage)
      let comment: Comment = "world \(number), WEIR_SEED=\(Seed.value)"
      let original = first.chain.map(\.entry)
      let late = try Self.later(world, &random)
      let now = try Close(late.records, policy: world.policy, usage: late.usage)
      let changes = try LateAdjustment.changes(
        posted: original, wanted: now.chain.map(\.entry))
      var chain = try LedgerPosting.adjustments(
        changes, origin: (Fixtures.october, 1), ordinal: 1, context: Fixtures.correction("2026-11"),
        after: first.chain.last?.head ?? .empty)
      for adjustment in chain {
        chain.append(
          try LedgerPosting.reversal(
            of: adjustment.entry, context: Fixtures.correction("2026-11"),
            after: chain.last?.head ?? .empty))
      }

      let all = original + chain.map(\.entry)
      #expect(Fixtures.sums(all) == Fixtures.sums(original), comment)
      let head = chain.last?.head ?? first.chain.last?.head ?? .empty
      let reversals = try LedgerPosting.reversals(
        of: original, context: Fixtures.correction("2026-10", version: 2), after: head)
      #expect(Fixtures.sums(original + reversals.map(\.entry)).isEmpty, comment)
      let again = try LedgerPosting.entries(
        for: first.allocation, context: Fixtures.correction("2026-10", version: 2),
        after: reversals.last?.head ?? head)
      let everything = all + (reversals + again).map(\.entry)
      #expect(Fixtures.sums(everything) == Fixtures.sums(original), comment)
      #expect(Set(everything.map(\.id)).count == everything.count, comment)
      var verifier = LedgerVerifier()
      for link in first.chain + chain + reversals + again { verifier.check(StoredEntry(link)) }
      #expect(verifier.finish().isSound, comment)
    }
  }

  @Test func `a restatement keeps the printed figures of accounts that did not change`() throws {
    var random = SplitMix64(seed: Seed.value)
    var kept = 0
    for number in 0..<Self.worlds {
      let world = try World(&random)
      let first = try Close(world.records, policy: world.policy, usage: world.usage)
      let late = try Self.later(world, &random)
      let now = try Close(late.records, policy: world.policy, usage: late.usage)
      let comment: Comment = "world \(number), WEIR_SEED=\(Seed.value)"
      let before = Dictionary(
        uniqueKeysWithValues: first.statements.summary.rows.map { ($0.account, $0) })
      var input = StatementInput(
        allocation: now.allocation, entries: now.chain.map(\.entry), usage: late.usage,
        register: TenantRegister([]), coverage: Coverage([]), reconciliation: .tiedOut)
      input.restated = before

      let restated = try StatementBuilder.build(input)

      for row in restated.summary.rows {
        #expect(abs(row.printed * 10_000 - row.amount.micros) < 10_000, comment)
        guard let old = before[row.account], old.amount == row.amount else { continue }
        #expect(old.printed == row.printed, comment)
        kept += 1
      }
      for statement in restated.statements {
        #expect(
          statement.lines.reduce(Int64(0)) { $0 + $1.printed } == statement.printedTotal, comment)
      }
      #expect(
        try PeriodSummary.rows(canonicalJSON: restated.summary.canonicalJSON()).values.allSatisfy {
          row in restated.summary.rows.contains(row)
        }, comment)
    }
    #expect(kept > Self.worlds)
  }

  @Test func `a late subject reads back, whatever its pool is called`() {
    for pool in ["compute", "~unmatched", "a:b:c", "v1"] {
      let subject = LateSubject(
        origin: Fixtures.october, version: 3, ordinal: 12, pool: pool)
      #expect(LateSubject(text: subject.text) == subject)
    }
    for text in ["late:2026-10:v1:0:p", "late:2026-13:v1:1:p", "hand:x", "late:2026-10:1:1:p"] {
      #expect(LateSubject(text: text) == nil, "\(text)")
    }
  }

  @Test func `a hash tree tells every change of a document, a name and an order`() {
    func root(_ documents: [(String, String)]) -> Digest256 {
      var tree = HashTree()
      for (name, text) in documents { tree.add(name: name, document: SHA256.hash(text)) }
      return tree.root
    }
    let five = ["a", "b", "c", "d", "e"].map { ($0, $0 + "1") }
    #expect(root([]) == .zero)
    var seen: Set<Digest256> = [root(five), root(Array(five.reversed())), root(five.dropLast())]
    for index in five.indices {
      var changed = five
      changed[index].1 += "x"
      seen.insert(root(changed))
      changed = five
      changed[index].0 += "x"
      seen.insert(root(changed))
    }
    #expect(seen.count == 13)
  }

  @Test(
    arguments: [
      ("100", "100", 200, true, "0.000000"), ("98", "100", 200, true, "0.020000"),
      ("97.999999", "100", 200, false, "0.020000"), ("-98", "-100", 200, true, "0.020000"),
      ("1", "0", 10_000, false, nil), ("0", "0", 0, true, nil),
      ("103", "100", 299, false, "0.030000"),
    ] as [(String, String, Int, Bool, String?)])
  func `the variance is met up to its threshold and no further`(
    _ accounted: String, _ provider: String, _ points: Int, _ isMet: Bool, _ ratio: String?
  ) {
    let variance = InvoiceVariance(
      accounted: Fixtures.amount(accounted), provider: Fixtures.amount(provider),
      thresholdBasisPoints: points)

    #expect(variance.isMet == isMet)
    #expect(variance.ratio == ratio)
  }

  @Test func `the variance of a bridge is the control total against what the ledger took`() throws {
    let policy = try PolicyText.decode(
      #"{"version":1,"name":"p","currency":"USD","pools":[{"name":"a","match":{"service":"s"},"#
        + #""method":{"kind":"keep"}}]}"#)
    func variance(_ stated: String?) throws -> InvoiceVariance {
      let totals = stated.map {
        InvoiceTotal(
          source: "", invoice: "INV-1", currency: Fixtures.currency("USD"), lines: 1,
          linesRounded: 1, billed: Fixtures.amount($0))
      }
      let close = try Close(
        [Fixtures.record("90", billed: "100", service: "s")], policy: policy,
        usage: UsageFigures(), controls: totals.map { [$0] } ?? [])
      return try InvoiceVariance(close.bridge, thresholdBasisPoints: 200)
    }

    // Amortisation is no variance; a control total that says more or less is.
    #expect(try variance(nil).difference == .zero)
    #expect(try variance("100").difference == .zero)
    #expect(try variance("102").accounted == Fixtures.amount("100"))
    #expect(try variance("102").isMet)
    #expect(try variance("80").ratio == "0.250000")
    #expect(try !variance("80").isMet)
  }
}
