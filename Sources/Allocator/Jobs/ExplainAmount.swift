internal import Accounting
internal import Digest
internal import Store

/// Finds out why a tenant bears what it bears of a pool: the bill's lines, the splits with their
/// arithmetic, and whether the stored statement says the same.
///
/// A closed period is explained under the policy of its close, any other under the current one.
struct ExplainAmount: Sendable {
  /// What it works on.
  let world: AllocatorWorld

  /// What somebody asked.
  struct Question: Sendable {
    /// The period.
    var period: Period
    /// The tenant.
    var tenant: String
    /// The pool.
    var pool: String
    /// How many records to list.
    var recordsMax: Int
  }

  /// What came of it.
  struct Answer: Sendable {
    /// The question.
    var question: Question
    /// Where the period stands.
    var state: PeriodState
    /// The policy.
    var policy: Policy
    /// The bill's lines.
    var records: PoolRecords
    /// The imports that they came in.
    var snapshots: [CostSnapshot]
    /// The steps.
    var chain: WhyChain
    /// What the stored statement says; `nil` when there is none.
    var statement: Posted?
  }

  /// What a stored statement says of a pool.
  struct Posted: Sendable {
    /// The statement's version.
    var version: UInt32
    /// The sum of the pool's lines, in micro-units.
    var micros: Int64
    /// The ledger entries that posted them.
    var entries: [String]
  }

  /// Explains. Throws `notFound` for a pool that the policy does not have.
  func run(_ question: Question, at now: UTCInstant) async throws -> Answer {
    let record = try await world.store.periods.record(of: question.period)
    let policy = try await policy(of: record)
    var question = question
    // An idle part is explained with its pool: `compute~idle` with `compute`.
    if let mark = question.pool.dropFirst().firstIndex(of: "~") {
      question.pool = String(question.pool[..<mark])
    }
    guard policy.pools.contains(where: { $0.name == question.pool }) else {
      throw APIError.notFound(what: "pool \(question.pool) in policy \(policy.name)")
    }
    let loader = LoadPeriod(world: world)
    let loaded = try await loader.run(question.period, at: now, basis: .trial(policy))
    guard let input = loaded.allocationInput else { throw APIError.policyMissing }
    let chain = try WhyChain(tenant: question.tenant, pool: question.pool, input)
    let empty = PoolRecords(
      pool: question.pool, tenant: question.tenant, policy: policy, period: question.period,
      splits: try await loader.splits(of: question.period), history: loaded.history,
      listedMax: question.recordsMax, skus: try await PoolCosts(world: world).skuMap())
    let records = try await world.store.costs.scan(question.period, into: empty) {
      try $0.add($1)
    }
    return Answer(
      question: question, state: record.state, policy: policy, records: records,
      snapshots: loaded.snapshots, chain: chain,
      statement: record.version == 0 ? nil : try await posted(question))
  }

  private func policy(of record: PeriodRecord) async throws -> Policy {
    var stored = try await world.store.policies.current()
    if let close = record.close {
      stored = try await world.store.policies.version(close.policy)
    }
    guard let stored else { throw APIError.policyMissing }
    return try PolicyDocument.policy(stored.source)
  }

  private func posted(_ question: Question) async throws -> Posted? {
    guard let bytes = try await document(question) else { return nil }
    let statement = try Statement(canonicalJSON: bytes)
    let lines = statement.lines.filter { line in
      line.pool == question.pool || line.pool.hasPrefix(question.pool + "~")
    }
    var entries: [String] = []
    for line in lines where !entries.contains(line.entry.hex) { entries.append(line.entry.hex) }
    return Posted(
      version: statement.version, micros: lines.reduce(0) { $0 + $1.amount.micros },
      entries: entries)
  }

  private func document(_ question: Question) async throws -> [UInt8]? {
    do {
      return try await world.store.statements.document(
        of: question.tenant, period: question.period)
    } catch StoreError.notFound {
      return nil
    }
  }
}
