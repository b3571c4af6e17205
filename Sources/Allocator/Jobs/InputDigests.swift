internal import Accounting
internal import Digest
internal import Store

/// Digests by which a close names the usage, the register and the other inputs that it counted.
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

  /// Digests of what not every month has, each over one line of tab-separated texts a fact: rates that
  /// were used (`from`, `to`, `rate`, `kind`, `date`, `source`), the SKU map's own digest, series (`name`, digest) and stated
  /// invoices (`invoice`, `currency`, `lines`, `billed`).
  static func others(
    _ costs: PooledCosts, _ series: [StoredSeries], skuMap: Digest256?
  ) -> FrozenInputs.Others {
    var others = FrozenInputs.Others()
    others.rates = digest(
      costs.conversions.map(\.rate).map { rate in
        [
          rate.from.code, rate.to.code, rate.rate.description, rate.kind.rawValue, rate.date ?? "",
          rate.source,
        ]
      })
    others.skuMap = skuMap
    others.series = digest(
      series.sorted { KeyOrder.precedes($0.series.name, $1.series.name) }
        .map { [$0.series.name, $0.digest.hex] })
    others.invoices = digest(
      costs.stated.rows.map(\.total).map { total in
        [total.invoice, total.currency.code, String(total.lines), total.billed.description]
      })
    return others
  }

  private static func digest(_ lines: [[String]]) -> Digest256? {
    guard !lines.isEmpty else { return nil }
    var hash = SHA256()
    for line in lines { hash.update(Array((line.joined(separator: "\t") + "\n").utf8)) }
    return hash.finish()
  }
}
