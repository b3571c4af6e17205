internal import Accounting
internal import Digest
internal import Hummingbird
internal import Store

/// A cost file on its way in: decompress, read, stage piece by piece, then make it count in one
/// transaction.
///
/// Memory does not grow with the file: at any moment one network chunk, one piece of it
/// decompressed, and the records read from that piece.
struct ImportCosts: Sendable {
  /// What it works on.
  let world: AllocatorWorld
  /// The name under which a later file replaces this one.
  let source: String
  /// Who imports.
  let actor: String

  /// Records and faults stored in one transaction.
  private static let eventsMax = 2_000

  /// Reads the whole body. Throws `costsMalformed` when it cannot be read; nothing counts then.
  func run(_ body: RequestBody, at now: UTCInstant) async throws -> CostImport {
    var staging = try await world.store.costs.begin(source: source, by: actor, at: now)
    do {
      let facts = try await read(body, into: &staging)
      let audit = AuditRecord(
        at: now, actor: actor, action: .costsImport, subject: source,
        detail: "import=\(staging.importID) digest=\(facts.digest.hex)")
      let done = try await staging.commit(facts, audit: audit)
      world.counters.noteImport(faultyRows: done.faultyRows)
      return done
    } catch {
      // A leftover that cannot be removed now is removed when the allocator starts again.
      try? await staging.discard()
      throw Self.refusal(error)
    }
  }

  private func read(
    _ body: RequestBody, into staging: inout CostStaging
  ) async throws -> CostFileFacts {
    var file = CostFile(limit: world.configuration.limits.costBytes)
    var pending: [FocusEvent] = []
    for try await chunk in body {
      try file.give(Array(chunk.readableBytesView))
      while let events = try file.next() {
        pending += events
        if pending.count >= Self.eventsMax {
          try await staging.add(pending)
          pending.removeAll(keepingCapacity: true)
        }
      }
    }
    let (events, facts) = try file.finish()
    try await staging.add(pending + events)
    return facts
  }

  private static func refusal(_ error: any Error) -> any Error {
    switch error {
    case let error as AccountingError: APIError.costsMalformed(reason: error.description)
    case CostFile.Failure.tooLarge(let limit): APIError.bodyTooLarge(limit: limit)
    case Inflater.Failure.cutOff: APIError.costsMalformed(reason: "the gzip file is cut off")
    case is Inflater.Failure: APIError.costsMalformed(reason: "the gzip file is damaged")
    default: error
    }
  }
}
