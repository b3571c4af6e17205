public import Accounting
internal import Digest
internal import Foundation
internal import GRDB

/// A cost file while it is being read: records go to the database piece by piece and count only
/// when the whole file was read and `commit` is called.
///
/// Memory: one digest, one block and the sums of each billing period, and blocks of `waitingBytesMax`
/// that are stored together; control totals are held, at most so many. Owned by one task.
public struct CostStaging: Sendable {
  /// The number of the import.
  public let importID: Int64
  /// The source it is imported under.
  public let source: String

  private let engine: Engine
  private var periods: [Period: StagedPeriod] = [:]
  /// The period of the last record, out of `periods` meanwhile.
  private var current: StagedPeriod?
  private var sums: [SumKey: CostTotal] = [:]
  private var groups = CostGroups()
  private var invoices: [InvoiceLine] = []
  private var notices: [BillingPeriodNotice] = []
  private var faultPosition = 0
  private var waiting: [StoredBlock] = []
  private var waitingBytes = 0
  private var encoder = CostRecordEncoder()

  /// Bound: how many billing periods one file may hold.
  private static let periodsMax = 240
  /// Bound: bytes of records that wait for their transaction.
  private static let waitingBytesMax = 4 << 20
  /// Bound: control totals of one file.
  private static let controlsMax = 500_000

  private struct SumKey: Hashable {
    var period: Period
    var currency: Currency
  }

  /// What is known of a billing period so far.
  private struct StagedPeriod: Sendable {
    let period: Period
    let start: UTCInstant
    let end: UTCInstant
    var total: CostTotal?
    var digest = Digest256.zero
    var block = CostBlock()
    var blocksStored = 0

    init(_ period: Period) {
      self.period = period
      start = period.start
      end = period.end
    }

    func holds(_ record: CostRecord) -> Bool {
      start <= record.billingPeriodStart && record.billingPeriodStart < end
    }
  }

  /// A staging that nothing was added to yet.
  init(engine: Engine, importID: Int64, source: String) {
    self.engine = engine
    self.importID = importID
    self.source = source
  }

  /// Takes one piece of the file; what fills a transaction is stored, and faults at once. `file` names it when the import has several.
  public mutating func add(
    _ events: [CostEvent], file: String? = nil
  ) async throws(StoreError) {
    var faults: [StagedFault] = []
    for event in events {
      switch event {
      case .record(let record): try tally(record)
      case .invoiceLine(let line): invoices.append(line)
      case .billingPeriod(let notice): notices.append(notice)
      case .fault(let fault):
        for problem in fault.problems {
          faults.append(
            StagedFault(
              position: faultPosition, file: file, line: fault.line, period: fault.period,
              problem: problem))
          faultPosition += 1
        }
      }
    }
    guard invoices.count + notices.count <= Self.controlsMax else {
      throw .engine(operation: "importing costs", reason: "more than 500,000 control totals")
    }
    guard waitingBytes >= Self.waitingBytesMax || !faults.isEmpty else { return }
    let blocks = waiting
    waiting = []
    waitingBytes = 0
    try await insert(blocks, faults)
  }

  private mutating func tally(_ record: CostRecord) throws(StoreError) {
    if current?.holds(record) != true { try turn(to: record.period) }
    guard var staged = current.take() else { preconditionFailure("a period is current") }
    let blob = encoder.encode(record)
    var hash = SHA256()
    hash.update(staged.digest)
    hash.update(blob)
    staged.digest = hash.finish()
    staged.block.add(record, encoder)
    if staged.block.bytes.count >= CostBlock.bytesWanted {
      waiting.append(StoredBlock(staged.period, position: staged.blocksStored, staged.block))
      waitingBytes += staged.block.bytes.count
      staged.blocksStored += 1
      staged.block = CostBlock()
    }
    try add(record, &staged)
    current = staged
    try groups.add(record, period: staged.period)
  }

  /// Makes another period the current one.
  private mutating func turn(to period: Period) throws(StoreError) {
    park()
    guard periods.count < Self.periodsMax || periods[period] != nil else {
      throw .engine(operation: "importing costs", reason: "more than 240 billing periods")
    }
    current = periods.removeValue(forKey: period) ?? StagedPeriod(period)
  }

  /// Puts the current period back to the others, and its sum to the sums.
  private mutating func park() {
    guard var staged = current.take() else { return }
    if let total = staged.total.take() {
      sums[SumKey(period: staged.period, currency: total.currency)] = total
    }
    periods[staged.period] = staged
  }

  private mutating func add(
    _ record: CostRecord, _ staged: inout StagedPeriod
  ) throws(StoreError) {
    if staged.total?.currency != record.currency {
      if let total = staged.total.take() {
        sums[SumKey(period: staged.period, currency: total.currency)] = total
      }
      staged.total =
        sums[SumKey(period: staged.period, currency: record.currency)]
        ?? CostTotal(
          period: staged.period, currency: record.currency, records: 0, billed: .zero,
          effective: .zero)
    }
    guard var total = staged.total.take() else { preconditionFailure("a sum is current") }
    do {
      total.billed = try total.billed.adding(record.billedCost)
      total.effective = try total.effective.adding(record.effectiveCost)
    } catch {
      throw .engine(operation: "importing costs", reason: "\(error)")
    }
    total.records += 1
    staged.total = total
  }

  private struct StagedFault: Sendable {
    var position: Int
    var file: String?
    var line: Int
    var period: Period?
    var problem: RowFault.Problem
  }

  private func insert(
    _ blocks: [StoredBlock], _ faults: [StagedFault]
  ) async throws(StoreError) {
    let importID = importID
    try await engine.write("storing cost records") { database in
      for block in blocks { try block.insert(database, importID: importID) }
      let insertFault = try database.cachedStatement(
        sql: """
          INSERT INTO cost_fault (import, position, file, line, field, reason, value, period)
          VALUES (?, ?, ?, ?, ?, ?, ?, ?)
          """)
      for fault in faults {
        try insertFault.execute(arguments: [
          importID, fault.position, fault.file, fault.line, fault.problem.column,
          fault.problem.reason,
          fault.problem.value, fault.period?.description,
        ])
      }
    }
  }

  /// Makes the file count: each of its billing periods replaces what the source had for it, unless
  /// the records are the same. One transaction, with the audit record.
  public mutating func commit(
    _ facts: CostFileFacts, audit: AuditRecord
  ) async throws(StoreError) -> CostImport {
    park()
    let unfilled = periods.filter { $0.value.block.records > 0 }.map { period, staged in
      StoredBlock(period, position: staged.blocksStored, staged.block)
    }
    let last = waiting + unfilled
    let finish = CostCommit(
      importID: importID, source: source, facts: facts, digests: periods.mapValues(\.digest),
      totals: Array(sums.values), groups: groups, invoices: invoices, notices: notices,
      audit: audit)
    return try await engine.write("committing a cost import") { database in
      for block in last { try block.insert(database, importID: finish.importID) }
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

/// A block on its way to the database.
private struct StoredBlock: Sendable {
  private let period: Period
  private let position: Int
  private let records: Int
  private let bytes: [UInt8]

  init(_ period: Period, position: Int, _ block: CostBlock) {
    self.period = period
    self.position = position
    records = block.records
    bytes = block.bytes
  }

  func insert(_ database: Database, importID: Int64) throws {
    try database.cachedStatement(
      sql: """
        INSERT INTO cost_block (import, period, position, records, block) VALUES (?, ?, ?, ?, ?)
        """
    ).execute(arguments: [
      importID, period.description, position, records, Data(bytes),
    ])
  }
}
