internal import Accounting
internal import Digest
internal import Store

/// Disputes as JSON.
enum DisputeDocument {
  /// One dispute with its events and its age.
  static func json(_ dispute: Dispute, at now: UTCInstant) -> JSONValue {
    let claim = dispute.claim
    return .object([
      .init("id", .integer(dispute.id)), .init("state", .string(dispute.state.rawValue)),
      .init("period", .string(claim.period.description)),
      .init("version", .integer(claim.version)), .init("tenant", .string(claim.tenant)),
      .init("pool", .text(claim.pool)), .init("amount", .text(claim.amount?.text)),
      .init("currency", .text(claim.amount?.currency.code)),
      .init("opened_at", .string(dispute.openedAt.description)),
      .init("resolved_at", .text(dispute.resolvedAt?.description)),
      .init("age_seconds", .integer(dispute.ageSeconds(at: now))),
      .init("events", .array(dispute.events.map(event))),
    ])
  }

  private static func event(_ event: DisputeEvent) -> JSONValue {
    .object([
      .init("kind", .string(event.kind.rawValue)), .init("at", .string(event.at.description)),
      .init("by", .string(event.actor)), .init("text", .string(event.text)),
      .init("evidence_name", .text(event.evidence?.name)),
      .init("evidence_sha256", .text(event.evidence?.digest.hex)),
      .init("outcome", .text(event.outcome?.rawValue)), .init("entry", .text(event.entry?.hex)),
    ])
  }
}
