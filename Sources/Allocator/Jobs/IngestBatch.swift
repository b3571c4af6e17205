internal import Accounting
internal import Digest
internal import Logging
internal import Store
internal import Usage

/// One delivery of a proxy, in words: malformed is refused; a clock that is wrong is kept aside;
/// the same name with the same content is a duplicate, with other content a conflict; the rest is
/// new, or late.
struct IngestBatch: Sendable {
  /// What it works on.
  let world: AllocatorWorld

  /// Names listed in an answer.
  static let missingMax = 100

  /// What a proxy is told.
  struct Answer: Sendable {
    /// The batch's name.
    var name: String
    /// What became of it.
    var outcome: IngestOutcome
  }

  /// Decodes and stores. When this returns, what it says is durable.
  func run(_ bytes: [UInt8], at now: UTCInstant) async throws -> Answer {
    let limits = BatchCodec.Limits(decodedBytesMax: world.configuration.limits.batchDecodedBytes)
    let (payload, version) = try BatchCodec.versionedPayload(of: bytes, limits: limits)
    let batch = try Self.decode(payload, version: version, limits: limits)
    let receipt = BatchReceipt(
      digest: SHA256.hash(payload), bytes: bytes, receivedAtMicroseconds: now.microseconds,
      isQuarantined: isOutOfTime(batch.interval, now))
    let outcome = try await world.store.usage.ingest(
      batch, receipt: receipt, missingMax: Self.missingMax)
    note(batch, outcome)
    return Answer(name: batch.name.description, outcome: outcome)
  }

  private static func decode(
    _ payload: [UInt8], version: UInt32, limits: BatchCodec.Limits
  ) throws(BatchError) -> Batch {
    var reader = try BatchReader(payload: payload, version: version, limits: limits)
    var rows: [UsageRow] = []
    // Bound: `limits.rowsMax`, checked by the reader.
    while let row = try reader.next() { rows.append(row) }
    return Batch(head: reader.head, rows: rows)
  }

  /// A batch from the future, or from before Weir existed: its machine has no clock yet.
  private func isOutOfTime(_ interval: BatchInterval, _ now: UTCInstant) -> Bool {
    let ahead = Int64(world.configuration.proxies.futureSeconds) * 1_000_000
    return interval.startMicroseconds > now.microseconds + ahead
      || interval.startMicroseconds < Self.firstPlausible
  }

  /// 2020-01-01.
  private static let firstPlausible: Int64 = 1_577_836_800_000_000

  private func note(_ batch: Batch, _ outcome: IngestOutcome) {
    let word = Self.word(outcome.disposition)
    let isCounted = outcome.disposition == .stored || outcome.disposition == .late
    world.counters.noteBatch(word, rows: isCounted ? batch.rows.count : 0)
    switch outcome.disposition {
    case .conflict, .quarantined:
      world.logger.error(
        "batch kept aside", metadata: ["batch": "\(batch.name)", "disposition": "\(word)"])
    case .late:
      world.logger.warning("late batch", metadata: ["batch": "\(batch.name)"])
    case .stored, .duplicate: break
    }
  }

  /// The word of a disposition, for metrics and logs.
  static func word(_ disposition: IngestDisposition) -> String {
    switch disposition {
    case .stored: "stored"
    case .late: "late"
    case .duplicate: "duplicate"
    case .quarantined: "quarantined"
    case .conflict: "conflict"
    }
  }
}
