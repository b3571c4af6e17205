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
    let statement = try Statement(canonicalJSON: document)
    let key = ArchiveKey(
      period: statement.period, version: statement.version, tenant: statement.tenant, form: "pdf")
    if let kept = try await world.store.statements.archived(key) { return kept }
    let bytes = try StatementPDF.bytes(statement)
    return try await world.store.statements.archive(
      key, bytes: bytes, statement: SHA256.hash(document), by: actor, at: now)
  }
}
