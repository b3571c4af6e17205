public import Accounting
internal import Digest
internal import Foundation
internal import GRDB

/// A cost file while it is being read: records go to the database piece by piece and count only
/// when the whole file was read and `commit` is called.
///
/// Memory: one digest and the sums of each billing period; no record is kept. Owned by one task.
public struct CostStaging: Sendable {
  /// The number of the import.
  public let importID: Int64
  /// The source it is imported under.
  public let source: String

  private let engine: Engine
  private var digests: [Period: Digest256] = [:]
  private var sums: [SumKey: CostTotal] = [:]
  private var faultPosition = 0

  /// Bound: how many billing periods one file may hold.
  private static let periodsMax = 240

  private struct SumKey: Hashable {
    var period: Period
    var currency: Currency
  }

  /// A staging that nothing was added to yet.
  init(engine: Engine, importID: Int64, source: String) {
    self.engine = engine
    self.importID = importID
    self.source = source
  }

  /// Stores one piece of the file in one transaction.
  public mutating func add(_ events: [FocusEvent]) async throws(StoreError) {
    var records: [StagedRecord] = []
    var faults: [StagedFault] = []
    for event in events {
      switch event {
      case .record(let record): records.append(try tally(record))
      case .fault(let fault):
        for problem in fault.problems {
          faults.append(StagedFault(position: faultPosition, line: fault.line, problem: problem))
          faultPosition += 1
        }
      }
    }
    try await insert(records, faults)
  }

  private mutating func tally(_ record: CostRecord) throws(StoreError) -> StagedRecord {
    let blob = CostRecordBlob.encode(record)
    let period = record.period
    var hash = SHA256()
    hash.update(digests[period] ?? .zero)
    hash.update(blob)
    digests[period] = hash.finish()
    guard digests.count <= Self.periodsMax else {
      throw .engine(operation: "importing costs", reason: "more than 240 billing periods")
    }
    let key = SumKey(period: period, currency: record.currency)
    var sum =
      sums[key]
      ?? CostTotal(
        period: period, currency: record.currency, records: 0, billed: .zero, effective: .zero)
    do {
      sum.billed = try sum.billed.adding(record.billedCost)
      sum.effective = try sum.effective.adding(record.effectiveCost)
    } catch {
      throw .engine(operation: "importing costs", reason: "\(error)")
    }
    sum.records += 1
    sums[key] = sum
    return StagedRecord(period: period.description, line: record.line, blob: blob)
  }

  private struct StagedRecord: Sendable {
    var period: String
    var line: Int
    var blob: [UInt8]
  }

  private struct StagedFault: Sendable {
    var position: Int
    var line: Int
    var problem: RowFault.Problem
  }

  private func insert(
    _ records: [StagedRecord], _ faults: [StagedFault]
  ) async throws(StoreError) {
    guard !records.isEmpty || !faults.isEmpty else { return }
    let importID = importID
    try await engine.write("storing cost records") { database in
      let insertRecord = try database.cachedStatement(
        sql: "INSERT INTO cost_record (import, period, line, record) VALUES (?, ?, ?, ?)")
      for record in records {
        try insertRecord.execute(
          arguments: [importID, record.period, record.line, Data(record.blob)])
      }
      let insertFault = try database.cachedStatement(
        sql: """
          INSERT INTO cost_fault (import, position, line, field, reason, value)
          VALUES (?, ?, ?, ?, ?, ?)
          """)
      for fault in faults {
        try insertFault.execute(arguments: [
          importID, fault.position, fault.line, fault.problem.column, fault.problem.reason,
          fault.problem.value,
        ])
      }
    }
  }

  /// Makes the file count: each of its billing periods replaces what the source had for it, unless
  /// the records are the same. One transaction, with the audit record.
  public func commit(
    _ facts: CostFileFacts, audit: AuditRecord
  ) async throws(StoreError) -> CostImport {
    let finish = CostCommit(
      importID: importID, source: source, facts: facts, digests: digests,
      totals: Array(sums.values), audit: audit)
    return try await engine.write("committing a cost import") { database in
      try finish.run(database)
      return try CostReading.costImport(database, id: finish.importID)
    }
  }

  /// Forgets everything that was staged.
  public func discard() async throws(StoreError) {
    let importID = importID
    try await engine.write("discarding a cost import") { database in
      try CostCommit.forget(database, importID: importID)
    }
  }
}
