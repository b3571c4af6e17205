internal import Accounting
internal import Digest
internal import Hummingbird
internal import Store

/// Cost files on their way in: decompress, read, stage piece by piece, then make them count in one
/// transaction.
///
/// Memory does not grow with the files: at any moment one network chunk, one piece of it
/// decompressed, and the records read from that piece.
struct ImportCosts: Sendable {
  /// What it works on.
  let world: AllocatorWorld
  /// The name under which a later import replaces this one.
  let source: String
  /// Who imports.
  let actor: String
  /// The form, or what tells it.
  var choice = CostFileChoice()
  /// The operator's map in `choice`, by its digest.
  var map: Digest256?
  /// Whether the body holds several files in frames.
  var isFramed = false

  /// Reads the whole body. Throws `costsMalformed` when it cannot be read; nothing counts then.
  func run(_ body: RequestBody, at now: UTCInstant) async throws -> CostImport {
    var staging = try await world.store.costs.begin(source: source, by: actor, at: now)
    do {
      let facts = try await read(body, into: &staging)
      let audit = AuditRecord(
        at: now, actor: actor, action: .costsImport, subject: source,
        detail: "import=\(staging.importID) form=\(facts.form.rawValue) digest=\(facts.digest.hex)")
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
    var files = CostFileSet(
      choice, map: map, limit: world.configuration.limits.costBytes, isFramed: isFramed)
    for try await chunk in body {
      try await files.take(Array(chunk.readableBytesView)) { name, events in
        try await staging.add(events, file: name)
      }
    }
    return try await files.finish { name, events in try await staging.add(events, file: name) }
  }

  private static func refusal(_ error: any Error) -> any Error {
    switch error {
    case let error as AccountingError: APIError.costsMalformed(reason: error.description)
    case CostFile.Failure.tooLarge(let limit): APIError.bodyTooLarge(limit: limit)
    case Inflater.Failure.cutOff: APIError.costsMalformed(reason: "the gzip file is cut off")
    case is Inflater.Failure: APIError.costsMalformed(reason: "the gzip file is damaged")
    case ZstdInflater.Failure.cutOff: APIError.costsMalformed(reason: "the zstd file is cut off")
    case ZstdInflater.Failure.damaged(let reason):
      APIError.costsMalformed(reason: "the zstd file cannot be read: \(reason)")
    default: error
    }
  }
}
