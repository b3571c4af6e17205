import Testing

@testable import Accounting

/// The law of the house over random worlds: parts sum to the whole, to the unit, always.
struct ConservationTests {
  private static let worlds = 2_500

  @Test func `nothing is lost or invented in any world`() throws {
    var random = SplitMix64(seed: Seed.value)
    for number in 0..<Self.worlds {
      let world = try World(&random)
      let close = try Close(world.records, policy: world.policy, usage: world.usage)
      let comment: Comment = "world \(number), WEIR_SEED=\(Seed.value)"

      let exact = world.records.reduce(Int128(0)) { $0 + $1.effectiveCost.units }
      #expect(close.allocation.exactTotal.units == exact, comment)
      #expect(
        close.allocation.rest.units.magnitude < Amount.unitsPerMicro.magnitude, comment)
      let posted = close.allocation.pools.reduce(Int64(0)) { $0 + $1.posted.micros }
      #expect(posted == close.allocation.postedTotal.micros, comment)
      for pool in close.allocation.pools { check(pool, comment) }
      #expect(close.bridge.tiesOut, "\(comment) \(close.bridge.reasons)")
      #expect(close.bridge.amount(of: "rounding") == .zero, comment)
      checkPrinted(close.statements, comment)
    }
  }

  private func check(_ pool: PoolAllocation, _ comment: Comment) {
    #expect(
      pool.shares.reduce(Int64(0)) { $0 + $1.amount.micros } == pool.posted.micros, comment)
    let error = pool.exact.units - Amount(micros: pool.posted.micros).units
    #expect(error.magnitude < Amount.unitsPerMicro.magnitude, comment)
    for share in pool.shares where !share.routes.isEmpty {
      #expect(
        share.routes.reduce(Int64(0)) { $0 + $1.micros } == share.amount.micros, comment)
    }
    for share in pool.shares {
      guard let exact = share.exact else { continue }
      let error = exact.units - Amount(micros: share.amount.micros).units
      #expect(error.magnitude < Amount.unitsPerMicro.magnitude, comment)
    }
  }

  private func checkPrinted(_ set: StatementSet, _ comment: Comment) {
    for statement in set.statements {
      #expect(
        statement.lines.reduce(Int64(0)) { $0 + $1.amount.micros } == statement.total.micros,
        comment)
      #expect(
        statement.lines.reduce(Int64(0)) { $0 + $1.printed } == statement.printedTotal, comment)
      for line in statement.lines {
        #expect(abs(line.printed * 10_000 - line.amount.micros) < 10_000, comment)
      }
    }
    let summary = set.summary
    #expect(summary.rows.reduce(Int64(0)) { $0 + $1.printed } == summary.printedTotal, comment)
    #expect(
      summary.rows.reduce(Int64(0)) { $0 + $1.amount.micros } == summary.total.micros, comment)
  }

  /// Each part of a proportional pool against the formula, cross-multiplied so that it stays whole:
  /// |x_i * A - T * B_i| < A with A = sum of a_k times the product of D_k, over drivers not zero.
  @Test func `each proportional part is within a micro-unit of its exact share`() throws {
    var random = SplitMix64(seed: Seed.value)
    var checked = 0
    for number in 0..<Self.worlds {
      let world = try World(&random)
      let close = try Close(world.records, policy: world.policy, usage: world.usage)
      let comment: Comment = "world \(number), WEIR_SEED=\(Seed.value)"
      for pool in close.allocation.pools where pool.notes.isEmpty {
        guard let rule = rule(of: pool, world) else { continue }
        for share in pool.shares {
          let (part, whole) = exact(share.owner, rule, world)
          let scaled = BigUInt(share.amount.micros.magnitude) * whole
          let wanted = BigUInt(pool.posted.micros.magnitude) * part
          #expect(scaled < wanted + whole && wanted < scaled + whole, comment)
          checked += 1
        }
      }
    }
    #expect(checked > 1_000)
  }

  private func rule(of pool: PoolAllocation, _ world: World) -> ProportionalRule? {
    guard let method = world.policy.pools.first(where: { $0.name == pool.pool })?.method,
      case .proportional(let rule) = method
    else { return nil }
    return rule
  }

  /// The share of an owner as (part, whole), straight from the usage rows.
  private func exact(
    _ owner: Owner, _ rule: ProportionalRule, _ world: World
  ) -> (part: BigUInt, whole: BigUInt) {
    func value(_ driver: PolicyDriver, of wanted: Owner?) -> BigUInt {
      var sum = BigUInt.zero
      for row in world.usageRows where row.quantity == driver.name {
        let reason = UnallocatedReason(reservedTenant: row.tenant)
        if world.policy.reserved[row.tenant] == .exclude { continue }
        let rowOwner = reason.map { Owner.unallocated($0) } ?? .tenant(row.tenant)
        if let wanted, wanted != rowOwner { continue }
        if let routes = driver.routes, !routes.contains(row.route) { continue }
        let factor = driver.routeWeights[row.route]?.units ?? Amount.unitsPerOne
        sum = sum + BigUInt(row.value) * BigUInt(factor.magnitude)
      }
      return sum
    }
    var part = BigUInt.zero
    var whole = BigUInt.zero
    let totals = rule.drivers.map { value($0, of: nil) }
    let product = totals.reduce(BigUInt.one, *)
    for (index, driver) in rule.drivers.enumerated() {
      let weight = BigUInt(driver.weight.units.magnitude)
      let others = totals.enumerated().filter { $0.offset != index }.map(\.element)
      part = part + weight * value(driver, of: owner) * others.reduce(.one, *)
      whole = whole + weight * product
    }
    return (part, whole)
  }

  @Test func `the order of records and usage changes nothing`() throws {
    var random = SplitMix64(seed: Seed.value)
    for number in 0..<300 {
      let world = try World(&random)
      let usage = try Fixtures.usage(world.usageRows.shuffled(using: &random))
      let first = try Close(world.records, policy: world.policy, usage: world.usage)
      let second = try Close(
        world.records.shuffled(using: &random), policy: world.policy, usage: usage)

      #expect(first.chain == second.chain, "world \(number), WEIR_SEED=\(Seed.value)")
      #expect(first.statements == second.statements, "world \(number), WEIR_SEED=\(Seed.value)")
    }
  }

  @Test func `closing twice gives the same entries with the same ids`() throws {
    var random = SplitMix64(seed: Seed.value)
    for _ in 0..<300 {
      let world = try World(&random)
      let first = try Close(world.records, policy: world.policy, usage: world.usage)
      let second = try Close(world.records, policy: world.policy, usage: world.usage)

      #expect(first.chain.map(\.entry.id) == second.chain.map(\.entry.id), Seed.comment)
      #expect(Set(first.chain.map(\.entry.id)).count == first.chain.count, Seed.comment)
      #expect(
        first.statements.statements.map { $0.canonicalJSON() }
          == second.statements.statements.map { $0.canonicalJSON() }, Seed.comment)
    }
  }
}
