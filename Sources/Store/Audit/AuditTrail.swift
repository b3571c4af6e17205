internal import Accounting
internal import Digest
internal import Foundation
internal import GRDB

/// The chain of audit records inside one transaction.
///
/// Each record's hash is SHA-256 over the hash before it and the record's fields, each with its
/// length in front: a changed, swapped or removed record breaks the chain.
enum AuditTrail {
  /// Adds a record at the end.
  static func append(_ database: Database, _ record: AuditRecord) throws {
    let last = try Row.fetchOne(
      database, sql: "SELECT sequence, hash FROM audit ORDER BY sequence DESC LIMIT 1")
    let previous = try last.map { try Stored.digest($0["hash"], table: "audit") } ?? .zero
    let entry = AuditEntry(
      sequence: (last?["sequence"] as Int64?).map { $0 + 1 } ?? 0,
      atMicroseconds: record.at.microseconds, actor: record.actor,
      action: record.action.rawValue, subject: record.subject, detail: record.detail)
    try database.execute(
      sql: """
        INSERT INTO audit (sequence, at, actor, action, subject, detail, previous, hash)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)
        """,
      arguments: [
        entry.sequence, entry.atMicroseconds, entry.actor, entry.action, entry.subject,
        entry.detail, Data(previous.bytes), Data(hash(of: entry, after: previous).bytes),
      ])
  }

  /// Walks the whole trail.
  static func verify(_ database: Database) throws -> AuditReport {
    let rows = try Row.fetchCursor(database, sql: "SELECT * FROM audit ORDER BY sequence")
    var report = AuditReport(records: 0, faults: [])
    var previous = Digest256.zero
    while let row = try rows.next() {
      let entry = Self.entry(row)
      if entry.sequence != report.records {
        report.faults.append("record \(report.records) is missing before \(entry.sequence)")
        report.records = entry.sequence
      }
      let stated = try Stored.digest(row["previous"], table: "audit")
      let hash = try Stored.digest(row["hash"], table: "audit")
      if stated != previous { report.faults.append("record \(entry.sequence) does not follow") }
      if hash != self.hash(of: entry, after: stated) {
        report.faults.append("record \(entry.sequence) was changed")
      }
      previous = hash
      report.records += 1
    }
    return report
  }

  /// A row as an entry.
  static func entry(_ row: Row) -> AuditEntry {
    AuditEntry(
      sequence: row["sequence"], atMicroseconds: row["at"], actor: row["actor"],
      action: row["action"], subject: row["subject"], detail: row["detail"])
  }

  private static func hash(of entry: AuditEntry, after previous: Digest256) -> Digest256 {
    var hash = SHA256()
    hash.update(previous)
    let fields = [
      String(entry.sequence), String(entry.atMicroseconds), entry.actor, entry.action,
      entry.subject, entry.detail,
    ]
    for field in fields {
      hash.update(Array("\(field.utf8.count):\(field)".utf8))
    }
    return hash.finish()
  }
}
