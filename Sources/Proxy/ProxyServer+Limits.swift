public import Usage

extension ProxyServer {
  /// Takes over the limits of the tenant register and wakes the workers to follow. Any thread; open requests go on
  /// under the limits that they began with.
  public func updateTenantLimits(
    registered: Set<TenantID>, limits: [TenantID: PlannedTenantLimit]
  ) {
    enforcement.update(
      tables.configuration.tenantLimits, registered: registered, limits: limits)
    for wake in wakes { wake() }
  }

  /// Tenants that met a limit since the last call, each at most once a minute, and how many did not fit.
  public func takeLimitNotices() -> (notices: [TenantLimitNotice], dropped: UInt64) {
    enforcement.notices.take()
  }
}
