import Foundation
import Testing

@testable import Accounting

/// The laws of the house over random months with everything in them. `WEIR_WORLDS` says over how
/// many (2,000 otherwise), `WEIR_SEED` which.
struct PropertyTests {
  static let worlds =
    ProcessInfo.processInfo.environment["WEIR_WORLDS"].flatMap { Int($0) } ?? 2_000

  @Test func `nothing is lost, and no order matters, in any month of the seed`() throws {
    var random = SplitMix64(seed: Seed.value)
    var distribution = Distribution()
    for number in 0..<Self.worlds {
      let world = try WideWorld(number, &random)
      let close: Close
      do {
        close = try world.close()
      } catch AccountingError.unusableCosts(let reason) {
        Issue.record("world \(number), WEIR_SEED=\(Seed.value): \(reason)")
        continue
      }
      distribution.note(world, close)
      checkConservation(world, close)
      checkPrinted(world, close)
      if number.isMultiple(of: 4) { try checkOrder(world, close, &random) }
      try checkChain(world, close, &random)
      try checkOnce(world, close)
      if let late = try checkLate(world, close, &random) { distribution.note(late: late) }
    }
    print("property suite: WEIR_SEED=\(Seed.value), \(distribution)")
    distribution.check(worlds: Self.worlds)
  }

  private func comment(_ world: WideWorld) -> Comment {
    "world \(world.number), WEIR_SEED=\(Seed.value)"
  }

  /// Every record is in exactly one pool at its rate; pools, shares, routes, ledger and statements
  /// each sum to the same.
  private func checkConservation(_ world: WideWorld, _ close: Close) {
    let comment = comment(world)
    var wanted: Int128 = 0
    for record in world.records {
      guard let rates = world.rates(of: record),
        let paid = try? record.effectiveCost.converted(at: rates.paid)
      else {
        Issue.record(comment)
        return
      }
      wanted += paid.units
    }
    // Each sum that is converted as a whole may differ by half of 10^-18 from its records.
    let tolerance = Int128(4 * world.records.count)
    #expect((close.allocation.exactTotal.units - wanted).magnitude <= tolerance.magnitude, comment)
    #expect(close.bridge.tiesOut, "\(comment) \(close.bridge.reasons)")
    #expect(close.bridge.difference == .zero, comment)
    #expect(close.bridge.amount(of: "rounding") == .zero, comment)
    #expect(
      close.allocation.pools.reduce(Int64(0)) { $0 + $1.posted.micros }
        == close.allocation.postedTotal.micros, comment)
    var exact: Int128 = 0
    for pool in close.allocation.pools {
      exact += pool.exact.units
      #expect(
        pool.shares.reduce(Int64(0)) { $0 + $1.amount.micros } == pool.posted.micros, comment)
      #expect(Set(pool.shares.map(\.owner)).count == pool.shares.count, comment)
      for share in pool.shares where !share.routes.isEmpty {
        #expect(
          share.routes.reduce(Int64(0)) { $0 + $1.micros } == share.amount.micros, comment)
      }
    }
    #expect(exact == close.allocation.exactTotal.units, comment)
  }

  private func checkPrinted(_ world: WideWorld, _ close: Close) {
    let comment = comment(world)
    let unit = world.policy.currency.microsPerMinorUnit
    for statement in close.statements.statements {
      #expect(
        statement.lines.reduce(Int64(0)) { $0 + $1.printed } == statement.printedTotal, comment)
      #expect(
        statement.lines.reduce(Int64(0)) { $0 + $1.amount.micros } == statement.total.micros,
        comment)
      for line in statement.lines {
        #expect((line.printed * unit - line.amount.micros).magnitude < unit.magnitude, comment)
      }
    }
    let summary = close.statements.summary
    #expect(summary.rows.reduce(Int64(0)) { $0 + $1.printed } == summary.printedTotal, comment)
    #expect(
      summary.rows.reduce(Int64(0)) { $0 + $1.amount.micros } == summary.total.micros, comment)
    // What a child bore stands on one statement only.
    let last = UTCInstant(microseconds: Fixtures.october.end.microseconds - 1)
    let history = TenantHistory(world.relations)
    for statement in close.statements.statements
    where history.bearer(of: statement.tenant, at: last) != statement.tenant {
      #expect(statement.total.micros == 0 && statement.lines.isEmpty, comment)
    }
  }

  private func checkOrder(
    _ world: WideWorld, _ close: Close, _ random: inout SplitMix64
  ) throws {
    let again = try world.close(
      records: world.records.shuffled(using: &random),
      usage: world.usageRows.shuffled(using: &random),
      relations: world.relations.shuffled(using: &random),
      rates: world.rates.shuffled(using: &random))
    #expect(again.chain == close.chain, comment(world))
    #expect(again.statements == close.statements, comment(world))
    #expect(again.allocation == close.allocation, comment(world))
  }

  /// What is closed twice is posted once: every id and every byte is the same again.
  private func checkOnce(_ world: WideWorld, _ close: Close) throws {
    let again = try LedgerPosting.entries(
      for: close.allocation, context: Fixtures.context(world.policy), after: .empty)
    #expect(again == close.chain, comment(world))
  }

  /// What came late is made up exactly by adjustments, once, and in another ledger by a restatement; a
  /// restatement of what did not change restores every balance. Returns how many pools changed; nil where
  /// what came cannot be allocated.
  private func checkLate(
    _ world: WideWorld, _ close: Close, _ random: inout SplitMix64
  ) throws -> Int? {
    let later = world.later(&random)
    let now: Close
    do {
      now = try world.close(records: later.records, usage: later.usage)
    } catch AccountingError.unusableCosts {
      return nil
    }
    let comment = comment(world)
    let original = close.chain.map(\.entry)
    let wanted = now.chain.map(\.entry)
    let head = close.chain.last?.head ?? .empty
    let changes = try LateAdjustment.changes(posted: original, wanted: wanted)
    let adjustments = try LedgerPosting.adjustments(
      changes, origin: (Fixtures.october, 1), ordinal: 1, context: Fixtures.correction("2026-11"),
      after: head)
    let adjusted = original + adjustments.map(\.entry)
    #expect(Fixtures.sums(adjusted) == Fixtures.sums(wanted), comment)
    #expect(try LateAdjustment.changes(posted: adjusted, wanted: wanted).isEmpty, comment)

    let context = Fixtures.correction("2026-10", version: 2)
    let reversals = try LedgerPosting.reversals(of: original, context: context, after: head)
    #expect(Fixtures.sums(original + reversals.map(\.entry)).isEmpty, comment)
    for (allocation, balances) in [(now.allocation, wanted), (close.allocation, original)] {
      let restated = try LedgerPosting.entries(
        for: allocation, context: context, after: reversals.last?.head ?? head)
      let all = close.chain + reversals + restated
      #expect(Fixtures.sums(all.map(\.entry)) == Fixtures.sums(balances), comment)
      #expect(Set(all.map(\.entry.id)).count == all.count, comment)
    }
    return changes.count
  }

  /// The steps that explain an amount sum to it, and the allocation made again is the same.
  private func checkChain(
    _ world: WideWorld, _ close: Close, _ random: inout SplitMix64
  ) throws {
    guard let pool = close.allocation.pools.randomElement(using: &random),
      let tenant = world.tenants.randomElement(using: &random),
      world.policy.pools.contains(where: { $0.name == pool.pool })
    else { return }
    let chain = try WhyChain(tenant: tenant, pool: pool.pool, close.input)
    #expect(chain.result == close.allocation, comment(world))
    let history = TenantHistory(world.relations)
    let last = UTCInstant(microseconds: Fixtures.october.end.microseconds - 1)
    if history.bearer(of: tenant, at: last) == tenant {
      #expect(
        chain.steps.reduce(Int64(0)) { $0 + ($1.micros ?? 0) } == chain.micros,
        "\(comment(world)) \(tenant) \(pool.pool) \(chain.steps.map(\.text))")
    } else {
      #expect(chain.micros == 0, comment(world))
    }
  }

  /// A month of credits is the month of charges with the other sign, to the unit.
  @Test func `a month with every sign changed gives every share with its sign changed`() throws {
    var random = SplitMix64(seed: Seed.value)
    var compared = 0
    for number in 0..<(Self.worlds / 4) {
      let world = try WideWorld(number, &random, sign: 1)
      let close = try world.close()
      // What rates differ by may have any sign, and pools of mixed signs round toward one side.
      guard close.costs.fx == .zero else { continue }
      let negated = try world.close(
        records: world.records.map { record in
          var copy = record
          copy.billedCost = Amount(units: -record.billedCost.units)
          copy.effectiveCost = Amount(units: -record.effectiveCost.units)
          return copy
        })
      let mirrored = negated.allocation.pools.map { pool in
        pool.shares.map { "\($0.owner.account) \(-$0.amount.micros) \($0.share)" }
      }
      #expect(
        mirrored
          == close.allocation.pools.map { pool in
            pool.shares.map { "\($0.owner.account) \($0.amount.micros) \($0.share)" }
          }, comment(world))
      compared += 1
    }
    #expect(compared > Self.worlds / 10, Seed.comment)
  }
}

/// What the worlds of a run were made of, so that a green run can be judged.
private struct Distribution: CustomStringConvertible {
  var worlds = 0
  var tenants = 0
  var pools = 0
  var records = 0
  var negative = 0
  var methods: [String: Int] = [:]
  var ledgers: [String: Int] = [:]
  var bills: [String: Int] = [:]
  var rates: [String: Int] = [:]
  var relations: [String: Int] = [:]
  var withFx = 0
  var withMinimum = 0
  var raised = 0
  var late = 0
  var latePools = 0

  mutating func note(late pools: Int) {
    late += 1
    latePools += pools
  }

  mutating func note(_ world: WideWorld, _ close: Close) {
    worlds += 1
    tenants += world.tenants.count
    pools += world.policy.pools.count
    records += world.records.count
    negative += world.records.count { $0.effectiveCost < .zero }
    for pool in close.allocation.pools {
      let isWhole = pool.shares.map(\.owner) == [.unallocated(.noDriver)]
      methods[isWhole ? "\(pool.method) without a driver" : pool.method, default: 0] += 1
      if pool.notes.contains(where: { $0.contains("bear the minimum") }) { raised += 1 }
    }
    ledgers[world.policy.currency.code, default: 0] += 1
    for record in world.records where record.currency != world.policy.currency {
      bills[record.currency.code, default: 0] += 1
    }
    for sum in close.allocation.conversions { rates[sum.rate.kind.rawValue, default: 0] += 1 }
    for relation in world.relations { relations[relation.kind.rawValue, default: 0] += 1 }
    withFx += close.costs.fx == .zero ? 0 : 1
    withMinimum += world.policy.pools.contains { $0.minimum != nil } ? 1 : 0
  }

  /// Whether the worlds were as wide as they claim.
  func check(worlds: Int) {
    guard worlds >= 500 else { return }
    for method in [
      "direct", "proportional", "even", "fixed", "tiered", "overhead", "follow", "keep", "idle",
      "unmatched", "fx", "proportional without a driver",
    ] { #expect(methods[method, default: 0] > worlds / 100, "\(method) \(Seed.comment)") }
    for kind in ["row", "invoice", "table"] {
      #expect(rates[kind, default: 0] > worlds / 20, "\(kind) \(Seed.comment)")
    }
    for kind in ["alias", "parent"] {
      #expect(relations[kind, default: 0] > worlds / 20, "\(kind) \(Seed.comment)")
    }
    #expect(negative > records / 10 && negative < records / 2, Seed.comment)
    #expect(late > worlds * 9 / 10 && latePools > worlds, Seed.comment)
    #expect(withFx > worlds / 100 && raised > worlds / 100, Seed.comment)
  }

  var description: String {
    func list(_ counts: [String: Int]) -> String {
      counts.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
    }
    return """
      \(worlds) worlds, \(tenants) tenants, \(pools) pools, \(records) records, \(negative) negative
        pools by method: \(list(methods))
        ledgers: \(list(ledgers)); records in other currencies: \(list(bills))
        rates by origin: \(list(rates)); relations of tenants: \(list(relations))
        worlds with an fx difference \(withFx), with a minimum \(withMinimum); pools in which it \
      raised somebody \(raised)
        worlds in which more came late \(late), with \(latePools) pools changed by it
      """
  }
}
