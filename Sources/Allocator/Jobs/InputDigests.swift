internal import Accounting
internal import Digest
internal import Store

/// Digests by which a close names the usage and the register that it counted.
enum InputDigests {
  /// SHA-256 over one line `tenant TAB route TAB quantity TAB value` a figure, in byte order.
  static func usage(_ usage: UsageFigures) -> Digest256 {
    var hash = SHA256()
    for tenant in usage.tenants {
      for figure in usage.figures(of: tenant) {
        hash.update(
          Array("\(tenant)\t\(figure.route)\t\(figure.quantity)\t\(figure.value)\n".utf8))
      }
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
