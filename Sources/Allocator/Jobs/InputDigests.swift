internal import Accounting
internal import Digest
internal import Store

/// Digests by which a close names the usage and the register that it counted.
enum InputDigests {
  /// SHA-256 over one line `tenant TAB route TAB quantity TAB value` a figure, in byte order.
  static func usage(_ usage: UsageFigures) -> Digest256 {
    var hash = SHA256()
    var lines: [UInt8] = []
    let tab = UInt8(ascii: "\t")
    for tenant in usage.tenants {
      for figure in usage.figures(of: tenant) {
        lines.append(contentsOf: tenant.utf8)
        lines.append(tab)
        lines.append(contentsOf: figure.route.utf8)
        lines.append(tab)
        lines.append(contentsOf: figure.quantity.utf8)
        lines.append(tab)
        lines.append(
          contentsOf: (UInt64(exactly: figure.value).map(String.init) ?? "\(figure.value)").utf8)
        lines.append(UInt8(ascii: "\n"))
      }
      // Bound: a tenant's figures.
      hash.update(lines)
      lines.removeAll(keepingCapacity: true)
    }
    return hash.finish()
  }

  /// SHA-256 over one line `id TAB name TAB plan` a tenant, by id, then one line
  /// `kind TAB tenant TAB target TAB from TAB to` a relation between tenants; `to` may be empty.
  static func register(
    _ tenants: [RegisteredTenant], _ history: TenantHistory = .empty
  ) -> Digest256 {
    var hash = SHA256()
    for tenant in tenants {
      hash.update(Array("\(tenant.id)\t\(tenant.name)\t\(tenant.plan)\n".utf8))
    }
    for relation in history.relations {
      let times = "\(relation.from)\t\(relation.to?.description ?? "")"
      hash.update(
        Array(
          "\(relation.kind.rawValue)\t\(relation.tenant)\t\(relation.target)\t\(times)\n".utf8))
    }
    return hash.finish()
  }
}
