internal import Accounting
internal import Store

/// The register as CSV: a header `id,name,plan`, of which `id` must be there, then one tenant a
/// row.
///
/// Cells may be quoted (RFC 4180). Every fault is named with its line.
enum TenantFile {
  /// The tenants in a file; throws `tenantsInvalid` with all faults.
  static func tenants(_ bytes: [UInt8], now: UTCInstant) throws(APIError) -> [RegisteredTenant] {
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw .tenantsInvalid(faults: ["the file is not UTF-8"])
    }
    var rows = CSVRows(text).rows
    guard let header = rows.first else { throw .tenantsInvalid(faults: ["the file is empty"]) }
    rows.removeFirst()
    let names = header.cells
    let unknown = names.filter { !["id", "name", "plan"].contains($0) }
    guard let id = names.firstIndex(of: "id"), unknown.isEmpty, Set(names).count == names.count
    else {
      throw .tenantsInvalid(faults: ["line 1: the header must be id, and name and plan if wanted"])
    }
    var faults: [String] = []
    var seen: Set<String> = []
    var tenants: [RegisteredTenant] = []
    for row in rows where row.cells != [""] {
      guard row.cells.count == names.count else {
        faults.append("line \(row.line): \(row.cells.count) cells, the header has \(names.count)")
        continue
      }
      let tenant = row.cells[id]
      guard TenantNaming.isValid(tenant) else {
        faults.append("line \(row.line): \"\(tenant.prefix(80))\" is not a tenant id")
        continue
      }
      guard seen.insert(tenant).inserted else {
        faults.append("line \(row.line): tenant \(tenant) stands twice")
        continue
      }
      func cell(_ name: String) -> String { names.firstIndex(of: name).map { row.cells[$0] } ?? "" }
      tenants.append(
        RegisteredTenant(id: tenant, name: cell("name"), plan: cell("plan"), registeredAt: now))
    }
    guard faults.isEmpty else { throw .tenantsInvalid(faults: faults) }
    return tenants
  }
}
