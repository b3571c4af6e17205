import Metering
import Proxy
import Shipping
import Synchronization
import Usage

/// `/metrics` in the Prometheus text format 0.0.4. Labels are bounded: listeners, quantities, kinds; never tenants.
struct MetricsPage: Sendable {
  let server: ProxyServer
  let metering: MeteringService
  let line: ShippingLine
  let lifeCycle: LifeCycleMetrics

  /// The page of this moment.
  func render() -> String {
    var text = MetricsText()
    renderWorkers(&text)
    UpstreamMetrics.render(server.boards) { name, value, label, isGauge in
      text.sample(
        name, value, label: label, isGauge: isGauge, help: "See docs/reference/metrics.md.")
    }
    renderMeter(&text)
    renderShipping(&text)
    renderLifeCycle(&text)
    return text.body
  }

  private func renderWorkers(_ text: inout MetricsText) {
    text.sample("weir_workers", server.workerCount, isGauge: true, help: "Worker threads.")
    text.sample(
      "weir_overload_level", server.overloadLevel, isGauge: true,
      help: "0 none, 1 connections end, 2 low priority is refused, 3 nothing is accepted.")
    let descriptors = server.descriptors
    text.sample(
      "weir_open_descriptors", descriptors.open, isGauge: true, help: "Descriptors in use.")
    text.sample(
      "weir_open_descriptors_max", descriptors.max, isGauge: true,
      help: "Descriptors that may be; 0 for unknown.")
    for cell in WorkerCounters.Cell.allCases {
      let sum = server.counters.reduce(UInt64(0)) { $0 &+ $1.value(of: cell) }
      let metric = cell.metric
      text.sample(
        metric.name, sum, label: metric.label, isGauge: metric.isGauge,
        help: "See docs/reference/metrics.md.")
    }
  }

  private func renderMeter(_ text: inout MetricsText) {
    let figures = metering.snapshot()
    for quantity in Quantity.allCases {
      for totals in figures.listeners {
        text.sample(
          "weir_usage_total", totals.quantities[Int(quantity.rawValue)],
          label: "listener=\"\(totals.listener)\",quantity=\"\(quantity.name)\"",
          help: "Attributed usage of all tenants, by listener and quantity.")
      }
    }
    for quantity in ConnectionQuantity.allCases {
      for totals in figures.listeners {
        text.sample(
          "weir_connection_total", totals.connectionQuantities[Int(quantity.rawValue)],
          label: "listener=\"\(totals.listener)\",quantity=\"\(quantity.name)\"",
          help: "Traffic that belongs to no request, by listener and quantity.")
      }
    }
    text.sample(
      "weir_conservation_difference", figures.conservationDifference, isGauge: true,
      help: "Tenants' sum against listeners' total over sealed segments; must be 0.")
    let counts: [(String, UInt64, String)] = [
      ("weir_segments_sealed_total", figures.sealedSegments, "Segments sealed."),
      ("weir_segments_recovered_total", figures.recoveredSegments, "Segments of killed processes."),
      (
        "weir_segments_volatile_total", figures.volatileSegments, "Segments a kill would have lost."
      ),
      (
        "weir_segment_seal_failures_total", figures.sealFailures,
        "Seals that did not reach the disk."
      ),
      (
        "weir_segment_allocation_failures_total", figures.allocationFailures,
        "Allocations that failed."
      ),
      (
        "weir_overflowed_lookups_total", figures.overflowedLookups, "Requests counted as ~overflow."
      ),
      (
        "weir_displaced_observations_total", figures.displacedObservations,
        "Latency observations without room in their own row."
      ),
    ]
    for (name, value, help) in counts { text.sample(name, value, help: help) }
    text.sample(
      "weir_late_workers", figures.lateWorkers, isGauge: true,
      help: "Workers that missed two intervals.")
  }

  private func renderShipping(_ text: inout MetricsText) {
    let figures = line.metrics
    let gauges: [(String, Int, String)] = [
      ("weir_spool_pending_batches", figures.spool.pendingBatches, "Batches not yet acknowledged."),
      ("weir_spool_pending_bytes", figures.spool.pendingBytes, "Bytes not yet acknowledged."),
      (
        "weir_spool_oldest_pending_seconds", Int(figures.oldestPendingAgeSeconds),
        "Age of the oldest batch not yet acknowledged."
      ),
      ("weir_spool_acknowledged_batches", figures.spool.acknowledgedBatches, "Batches kept after."),
      ("weir_spool_set_aside_batches", figures.spool.setAsideBatches, "Batches that were refused."),
      ("weir_spool_over_limit", figures.spool.isOverLimit ? 1 : 0, "1 when over its limit."),
    ]
    for (name, value, help) in gauges { text.sample(name, value, isGauge: true, help: help) }
    let counts: [(String, UInt64, String)] = [
      ("weir_batches_delivered_total", figures.delivered, "Batches stored by the allocator."),
      ("weir_batches_duplicate_total", figures.duplicates, "Deliveries it had already."),
      ("weir_batches_quarantined_total", figures.quarantined, "Batches it quarantined."),
      ("weir_batches_conflict_total", figures.conflicts, "Names it holds with other bytes."),
      ("weir_batches_rejected_total", figures.rejected, "Batches it refused."),
      ("weir_delivery_retries_total", figures.retries, "Deliveries tried again."),
      (
        "weir_delivery_unauthorized_total", figures.unauthorized,
        "Deliveries refused for the token."
      ),
      ("weir_batches_offered_again_total", figures.offeredAgain, "Batches offered again."),
      ("weir_batches_lost_total", figures.lost, "Batches that are no longer held; must be 0."),
      ("weir_batches_merged_total", figures.spool.mergedBatches, "Batches merged for space."),
    ]
    for (name, value, help) in counts { text.sample(name, value, help: help) }
  }
}

extension MetricsPage {
  private func renderLifeCycle(_ text: inout MetricsText) {
    let reloads = [
      ("applied", lifeCycle.reloadsApplied.load(ordering: .relaxed)),
      ("refused", lifeCycle.reloadsRefused.load(ordering: .relaxed)),
    ]
    for (result, count) in reloads {
      text.sample(
        "weir_configuration_reloads_total", count, label: "result=\"\(result)\"",
        help: "Configurations read on SIGHUP, by what became of them.")
    }
    text.sample(
      "weir_configuration_applied_timestamp_seconds",
      lifeCycle.configurationSeconds.load(ordering: .relaxed), isGauge: true,
      help: "When the configuration in force was read, Unix time.")
    text.sample(
      "weir_stuck_workers", lifeCycle.stuckWorkers.load(ordering: .relaxed), isGauge: true,
      help: "Workers whose event loop does not turn.")
  }
}

/// Writes samples, with HELP and TYPE before the first of each name.
private struct MetricsText {
  private(set) var body = ""
  private var seen: Set<String> = []

  mutating func sample(
    _ name: String, _ value: some BinaryInteger, label: String? = nil, isGauge: Bool = false,
    help: String
  ) {
    if seen.insert(name).inserted {
      body += "# HELP \(name) \(help)\n# TYPE \(name) \(isGauge ? "gauge" : "counter")\n"
    }
    body += label.map { "\(name){\($0)} \(value)\n" } ?? "\(name) \(value)\n"
  }
}
