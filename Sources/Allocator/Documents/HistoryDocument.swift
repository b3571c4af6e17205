internal import Accounting

/// Names and parents of tenants as CSV: `kind,tenant,target,from,to`; `to` may be empty.
///
/// `alias`: from the first day on, up to the last day exclusive, the tenant is another name of the
/// target. `parent`: its cost stands on the target's statement. Every fault is named.
enum HistoryDocument {
  /// The columns.
  static let columns = ["kind", "tenant", "target", "from", "to"]
  /// Bound: how many relations a document may have.
  private static let relationsMax = 100_000
  private static let faultsMax = 100

  /// The history in a file; throws `historyInvalid` with the faults.
  static func history(_ bytes: [UInt8]) throws(APIError) -> TenantHistory {
    let table = CSVTable(bytes, required: Array(columns.prefix(4)), optional: ["to"])
    var faults = table.faults
    if table.rows.count > relationsMax {
      faults.append("the file has more than \(relationsMax) relations")
    }
    var relations: [TenantRelation] = []
    for row in table.rows.prefix(relationsMax) {
      let kind = TenantRelation.Kind(rawValue: row["kind"])
      let from = day(row["from"])
      let to = row["to"].isEmpty ? nil : day(row["to"])
      var own: [String] = []
      if kind == nil { own.append("kind must be alias or parent") }
      for name in ["tenant", "target"] where !TenantNaming.isValid(row[name]) {
        own.append("\(name): \"\(row[name].prefix(80))\" is not a tenant id")
      }
      if from == nil { own.append("from: not a day such as 2026-10-15") }
      if !row["to"].isEmpty, to == nil { own.append("to: not a day such as 2026-10-15") }
      faults += own.map { "line \(row.line): \($0)" }
      guard own.isEmpty, let kind, let from else { continue }
      relations.append(
        TenantRelation(
          kind: kind, tenant: row["tenant"], target: row["target"], from: from, to: to))
    }
    if faults.isEmpty { faults = TenantHistory.faults(relations) }
    guard faults.isEmpty else { throw .historyInvalid(faults: Array(faults.prefix(faultsMax))) }
    return TenantHistory(relations)
  }

  private static func day(_ text: String) -> UTCInstant? {
    text.utf8.count == 10 ? try? UTCInstant(parsing: text) : nil
  }

  /// A history as rows of the same file.
  static func rows(_ history: TenantHistory) -> [[String]] {
    history.relations.map { relation in
      [
        relation.kind.rawValue, relation.tenant, relation.target,
        String(relation.from.description.prefix(10)),
        relation.to.map { String($0.description.prefix(10)) } ?? "",
      ]
    }
  }
}
