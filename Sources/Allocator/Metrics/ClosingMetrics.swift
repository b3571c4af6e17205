internal import Accounting
internal import Store

/// Metrics of closing months: what waits for people, and how the latest closes reconcile. The label
/// `period` has at most `periodsMax` values.
struct ClosingMetrics: Sendable {
  /// What it works on.
  let world: AllocatorWorld

  /// Closed periods shown, the latest first.
  static let periodsMax = 12

  /// The lines now.
  func lines(at now: UTCInstant) async throws -> [String] {
    let pending = try await world.store.orders.latest(1_000, pendingOnly: true)
    let disputes = try await world.store.disputes.unresolved()
    let age = disputes.oldest.map { max(0, (now.microseconds - $0.microseconds) / 1_000_000) }
    var lines = MetricsText.single(
      "weir_allocator_orders_pending", "gauge", "What waits for a second person.", pending.count)
    lines += MetricsText.single(
      "weir_allocator_disputes_open", "gauge", "Disputes that are not resolved (SLI M6).",
      disputes.count)
    lines += MetricsText.single(
      "weir_allocator_dispute_oldest_seconds", "gauge", "Age of the oldest of them.",
      Int(age ?? 0))
    return try await lines + reconciliation()
  }

  private func reconciliation() async throws -> [String] {
    let closed = try await world.store.periods.list().filter { $0.close != nil }
      .prefix(Self.periodsMax)
    var variances = MetricsText.head(
      "weir_allocator_reconciliation_variance_ratio", "gauge",
      "Variance from the provider's bill at the close (SLI M5).")
    var met = MetricsText.head(
      "weir_allocator_reconciliation_met", "gauge",
      "1 when the variance is at most the threshold and nothing is unexplained.")
    var late = MetricsText.head(
      "weir_allocator_late_cost_snapshots", "gauge",
      "Bills of a closed period that are not those which the close counted.")
    for record in closed {
      let stored = try await world.store.statements.overview(
        of: record.period, version: record.version)
      let document = try JSONValue(parsing: stored.reconciliation)
      let label = "{period=\"\(record.period)\"}"
      if let ratio = document["variance"]?["variance"]?.asString {
        variances.append("weir_allocator_reconciliation_variance_ratio\(label) \(ratio)")
      }
      let isMet =
        document["ties_out"] == .bool(true) && document["variance"]?["met"] == .bool(true)
      met.append("weir_allocator_reconciliation_met\(label) \(isMet ? 1 : 0)")
      let count = try await PeriodRoutes(world: world).lateCosts(of: record.period).count
      late.append("weir_allocator_late_cost_snapshots\(label) \(count)")
    }
    return variances + met + late
  }
}
