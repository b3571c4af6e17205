internal import Accounting
internal import Digest
internal import Foundation
internal import GRDB
internal import Usage

/// One offered batch on its way into the database, inside one transaction.
///
/// The order of questions: is the name taken (duplicate or conflict)? may it be counted
/// (quarantine)? is its period still open (late)? Names, rows, totals and what the allocator
/// expects next are written together.
struct BatchIntake {
  /// The transaction.
  let database: Database
  /// What was offered.
  let batch: Batch
  /// What is known about the delivery.
  let receipt: BatchReceipt

  /// The most names that one merged batch may stand for: 47 days of 1-second intervals.
  static let namesMax: UInt64 = 1 << 22
  /// Sequences from here on are refused: two hundred million years of one-second intervals, so that sums of them stay in
  /// range.
  static let sequenceLimit: UInt64 = 1 << 53
  /// The last microsecond of the year 9999.
  private static let instantMax: Int64 = 253_402_300_799_999_999
  /// Conflicting copies kept with their bytes; later ones keep only their digest.
  static let conflictBytesKept = 1_000

  /// Stores the batch or says why it was not counted.
  func run() throws -> IngestDisposition {
    guard batch.lastSequence >= batch.name.sequence,
      batch.lastSequence - batch.name.sequence < Self.namesMax,
      batch.lastSequence < Self.sequenceLimit
    else { throw StoreError.counterOverflow(what: "sequence range of \(batch.name)") }
    for sequence in batch.predecessor?.lastSequences ?? []
    where sequence != .max && sequence >= Self.sequenceLimit {
      throw StoreError.counterOverflow(what: "a predecessor's sequence in \(batch.name)")
    }
    if let taken = try overlap() { return try settle(taken) }
    let disposition = try decide()
    let id = try insertBatch(disposition)
    switch disposition {
    case .quarantined:
      try database.execute(
        sql: "INSERT INTO batch_bytes (batch, bytes) VALUES (?, ?)",
        arguments: [id, Data(receipt.bytes)])
    default:
      try insertRows(into: disposition == .late ? "usage_late" : "usage_rollup")
      try insertTotals(batchID: id)
      // Late usage changes no statement, but what an adjustment or a restatement would post.
      try PeriodChange.bump(database, period.description)
    }
    try noteStream()
    try noteInstance()
    return disposition
  }

  private var start: UTCInstant { UTCInstant(microseconds: batch.interval.startMicroseconds) }
  /// A clock may say anything; a period has a year of four digits.
  private var period: Period {
    Period(containing: UTCInstant(microseconds: min(max(start.microseconds, 0), Self.instantMax)))
  }
  private var first: Int64 { Int64(batch.name.sequence) }
  private var last: Int64 { Int64(batch.lastSequence) }
  private var boot: String { batch.name.boot.description }
  private var worker: Int { Int(batch.name.worker) }

  private func overlap() throws -> Row? {
    // Stored ranges of a worker never overlap, so the last one that begins at or before our end
    // decides.
    let row = try Row.fetchOne(
      database,
      sql: """
        SELECT first_sequence, last_sequence, digest, state FROM batch
        WHERE instance = ? AND boot = ? AND worker = ? AND first_sequence <= ?
        ORDER BY first_sequence DESC LIMIT 1
        """, arguments: [batch.name.instance, boot, worker, last])
    guard let row, row["last_sequence"] as Int64 >= first else { return nil }
    return row
  }

  private func settle(_ taken: Row) throws -> IngestDisposition {
    let storedDigest = try Stored.digest(taken["digest"], table: "batch")
    let isSameRange =
      taken["first_sequence"] as Int64 == first && taken["last_sequence"] as Int64 == last
    if isSameRange, storedDigest == receipt.digest {
      return taken["state"] as String == "quarantined" ? .quarantined : .duplicate
    }
    try keepConflict(storedDigest)
    return .conflict(stored: storedDigest)
  }

  private func keepConflict(_ storedDigest: Digest256) throws {
    let kept = try Int.fetchOne(database, sql: "SELECT count(*) FROM batch_conflict") ?? 0
    let bytes = kept < Self.conflictBytesKept ? Data(receipt.bytes) : nil
    try database.execute(
      sql: """
        INSERT INTO batch_conflict (name, period, last_sequence, stored_digest, offered_digest,
          bytes, received_at) VALUES (?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (name, offered_digest) DO NOTHING
        """,
      arguments: [
        batch.name.description, period.description, last, Data(storedDigest.bytes),
        Data(receipt.digest.bytes), bytes,
        receipt.receivedAtMicroseconds,
      ])
    if database.changesCount > 0 { try PeriodChange.bump(database, period.description) }
  }

  private func decide() throws -> IngestDisposition {
    if receipt.isQuarantined { return .quarantined }
    let state = try String.fetchOne(
      database, sql: "SELECT state FROM period WHERE id = ?", arguments: [period.description])
    return state == PeriodState.closed.rawValue ? .late : .stored
  }

  private func insertBatch(_ disposition: IngestDisposition) throws -> Int64 {
    let state =
      switch disposition {
      case .late: "late"
      case .quarantined: "quarantined"
      default: "stored"
      }
    try database.execute(
      sql: """
        INSERT INTO batch (instance, boot, worker, first_sequence, last_sequence, digest, state,
          period, flags, start_us, end_us, length_ns, rows, bytes, is_conserved, received_at)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
      arguments: [
        batch.name.instance, boot, worker, first, last, Data(receipt.digest.bytes), state,
        period.description, Int64(batch.flags.rawValue), batch.interval.startMicroseconds,
        batch.interval.endMicroseconds,
        try Counter.column(batch.interval.lengthNanoseconds, "interval length"), batch.rows.count,
        receipt.bytes.count, Conservation.holds(batch), receipt.receivedAtMicroseconds,
      ])
    return database.lastInsertedRowID
  }

  private func insertRows(into table: String) throws {
    let hour = UsageHour.containing(start.microseconds)
    let statement = try RawStatement(
      cachedBy: database, UsageColumns.upsert(into: table))
    for row in batch.rows {
      try UsageColumns.bind(row, hour: hour, to: statement)
      _ = try statement.step()
      statement.reset()
    }
  }

  private func insertTotals(batchID: Int64) throws {
    let statement = try database.cachedStatement(sql: UsageColumns.insertListener)
    for (position, totals) in batch.listeners.enumerated() {
      try statement.execute(
        arguments: try UsageColumns.arguments(totals, batch: batchID, position: position))
    }
    for (position, declaration) in batch.units.enumerated() {
      try database.execute(
        sql: """
          INSERT INTO period_unit (period, position, name, unit) VALUES (?, ?, ?, ?)
          ON CONFLICT DO NOTHING
          """,
        arguments: [period.description, position, declaration.name, declaration.unit])
    }
  }

  private func noteStream() throws {
    let names = last - first + 1
    try database.execute(
      sql: """
        INSERT INTO batch_stream (instance, boot, worker, names_stored, sequence_max, expected_last)
        VALUES (?, ?, ?, ?, ?, -1)
        ON CONFLICT (instance, boot, worker) DO UPDATE SET
          names_stored = names_stored + excluded.names_stored,
          sequence_max = max(sequence_max, excluded.sequence_max)
        """, arguments: [batch.name.instance, boot, worker, names, last])
    guard let predecessor = batch.predecessor else { return }
    for (worker, sequence) in predecessor.lastSequences.enumerated() {
      // Bound: the codec limits the number of workers; a sequence past 63 bits names no batch.
      guard let expected = Int64(exactly: sequence) else { continue }
      try database.execute(
        sql: """
          INSERT INTO batch_stream (instance, boot, worker, names_stored, sequence_max,
          expected_last)
          VALUES (?, ?, ?, 0, -1, ?)
          ON CONFLICT (instance, boot, worker) DO UPDATE SET
            expected_last = max(expected_last, excluded.expected_last)
          """,
        arguments: [batch.name.instance, predecessor.boot.description, worker, expected])
    }
  }

  private func noteInstance() throws {
    try database.execute(
      sql: """
        INSERT INTO instance (name, first_received, last_received, first_interval, last_interval,
          names_stored) VALUES (?, ?, ?, ?, ?, ?)
        ON CONFLICT (name) DO UPDATE SET
          last_received = max(last_received, excluded.last_received),
          first_interval = min(first_interval, excluded.first_interval),
          last_interval = max(last_interval, excluded.last_interval),
          names_stored = names_stored + excluded.names_stored
        """,
      arguments: [
        batch.name.instance, receipt.receivedAtMicroseconds, receipt.receivedAtMicroseconds,
        min(batch.interval.startMicroseconds, receipt.receivedAtMicroseconds),
        min(batch.interval.endMicroseconds, receipt.receivedAtMicroseconds), last - first + 1,
      ])
  }
}
