internal import Accounting
internal import Store

/// The allocator's metrics in Prometheus' text format. Labels are proxies, dispositions and status
/// classes; never tenants.
struct MetricsText: Sendable {
  /// What it works on.
  let world: AllocatorWorld

  /// All metrics now.
  func text() async throws -> String {
    let proxies = world.configuration.proxies
    let now = world.clock()
    let instances = try await world.store.coverage.instances(
      expected: proxies.expected, now: now,
      silenceMicroseconds: Int64(proxies.silenceSeconds) * 1_000_000)
    let counts = try await world.store.usage.counts()
    let head = try await world.store.ledger.head()
    var lines = activity(world.counters.reading)
    lines += stored(counts, head)
    lines += try await ClosingMetrics(world: world).lines(at: now)
    lines += proxyLines(instances, now)
    return lines.joined(separator: "\n") + "\n"
  }

  private func activity(_ reading: ServerCounters.Reading) -> [String] {
    var lines = Self.head("weir_allocator_answers_total", "counter", "Answers by status class.")
    for (hundreds, count) in reading.answers.enumerated() where hundreds > 0 {
      lines.append("weir_allocator_answers_total{class=\"\(hundreds)xx\"} \(count)")
    }
    lines += Self.head(
      "weir_allocator_batches_total", "counter", "Batches offered since the start, by outcome.")
    for word in ["stored", "late", "duplicate", "quarantined", "conflict"] {
      let count = reading.batches[word, default: 0]
      lines.append("weir_allocator_batches_total{outcome=\"\(word)\"} \(count)")
    }
    lines += Self.single(
      "weir_allocator_rows_total", "counter", "Usage rows stored since the start.", reading.rows)
    lines += Self.single(
      "weir_allocator_imports_total", "counter", "Cost files imported.", reading.imports)
    lines += Self.single(
      "weir_allocator_import_faulty_rows_total", "counter", "Cost rows put into quarantine.",
      reading.faultyRows)
    return lines
      + Self.single(
        "weir_allocator_closes_total", "counter", "Periods closed.", reading.closes)
  }

  private func stored(_ counts: BatchCounts, _ head: LedgerHead) -> [String] {
    Self.single(
      "weir_allocator_batches_stored", "gauge", "Batches in the store.", counts.batches)
      + Self.single(
        "weir_allocator_batches_late", "gauge", "Batches that came after their period was closed.",
        counts.late)
      + Self.single(
        "weir_allocator_batches_quarantined", "gauge", "Batches kept aside whole.",
        counts.quarantined)
      + Self.single(
        "weir_allocator_batch_conflicts", "gauge",
        "Copies with other bytes under a known name. Must read 0.", counts.conflicts)
      + Self.single(
        "weir_allocator_batches_unconserved", "gauge",
        "Batches whose rows and listener totals differ. Must read 0.", counts.unconserved)
      + Self.single(
        "weir_allocator_ledger_entries", "gauge", "Entries in the ledger.", Int(head.count))
  }

  private func proxyLines(_ instances: [KnownInstance], _ now: UTCInstant) -> [String] {
    var lines = Self.head("weir_allocator_proxy_silent", "gauge", "1 for a proxy that is silent.")
    lines += instances.map { known in
      "weir_allocator_proxy_silent{instance=\"\(known.name)\"} \(known.isSilent ? 1 : 0)"
    }
    lines += Self.head(
      "weir_allocator_proxy_batches_missing", "gauge", "Batches a proxy should have sent.")
    lines += instances.map { known in
      "weir_allocator_proxy_batches_missing{instance=\"\(known.name)\"} \(known.namesMissing)"
    }
    lines += Self.head(
      "weir_allocator_proxy_behind_seconds", "gauge", "Age of the latest usage of a proxy.")
    lines += instances.compactMap { known in
      known.lastInterval.map { last in
        let age = max(0, (now.microseconds - last.microseconds) / 1_000_000)
        return "weir_allocator_proxy_behind_seconds{instance=\"\(known.name)\"} \(age)"
      }
    }
    return lines
  }

  static func head(_ name: String, _ type: String, _ help: String) -> [String] {
    ["# HELP \(name) \(help)", "# TYPE \(name) \(type)"]
  }

  static func single(
    _ name: String, _ type: String, _ help: String, _ value: Int
  ) -> [String] {
    head(name, type, help) + ["\(name) \(value)"]
  }
}
