internal import Accounting
internal import Digest
internal import Store

/// The PDF of an issued statement: made once, archived with its hash, and the same bytes ever after.
///
/// Another build or other fonts may draw it differently; what somebody signed must not change.
struct ArchiveStatement: Sendable {
  /// What it works on.
  let world: AllocatorWorld

  /// The PDF of the statement with this canonical JSON. The first call for a statement stores it, with
  /// an audit record; when two come at once, both get what the first of them stored.
  func pdf(
    of document: [UInt8], by actor: String, at now: UTCInstant
  ) async throws -> ArchivedDocument {
    let pdfs = try await pdfs(of: [document], by: actor, at: now)
    return pdfs[0]
  }

  /// The PDFs of some statements, in their order; those that are new are drawn side by side and
  /// stored in one transaction.
  func pdfs(
    of documents: [[UInt8]], by actor: String, at now: UTCInstant
  ) async throws -> [ArchivedDocument] {
    var found: [ArchivedDocument?] = []
    var missing: [(index: Int, statement: Statement)] = []
    for (index, document) in documents.enumerated() {
      let statement = try Statement(canonicalJSON: document)
      let kept = try await world.store.statements.archived(Self.key(of: statement))
      found.append(kept)
      if kept == nil { missing.append((index, statement)) }
    }
    let drawn = try await Self.draw(missing.map(\.statement))
    var fresh: [NewArchiveDocument] = []
    for (item, bytes) in zip(missing, drawn) {
      // Provisional statements are drawn again each time: nothing of them is final.
      guard item.statement.version > 0 else {
        found[item.index] = ArchivedDocument(bytes: bytes)
        continue
      }
      fresh.append(
        NewArchiveDocument(
          key: Self.key(of: item.statement), bytes: bytes,
          statement: SHA256.hash(documents[item.index])))
    }
    if !fresh.isEmpty {
      let stored = try await world.store.statements.archive(fresh, by: actor, at: now)
      let open = missing.filter { $0.statement.version > 0 }
      for (item, document) in zip(open, stored) { found[item.index] = document }
    }
    return found.compactMap { $0 }
  }

  private static func key(of statement: Statement) -> ArchiveKey {
    ArchiveKey(
      period: statement.period, version: statement.version, tenant: statement.tenant, form: "pdf")
  }

  /// Draws each on whichever thread is free; a font map belongs to its thread.
  private static func draw(_ statements: [Statement]) async throws -> [[UInt8]] {
    guard statements.count > 1 else { return try statements.map { try StatementPDF.bytes($0) } }
    return try await withThrowingTaskGroup(of: (Int, [UInt8]).self) { group in
      for (index, statement) in statements.enumerated() {
        group.addTask { (index, try StatementPDF.bytes(statement)) }
      }
      return try await group.reduce(into: [Int: [UInt8]]()) { $0[$1.0] = $1.1 }
        .sorted { $0.key < $1.key }.map(\.value)
    }
  }
}
