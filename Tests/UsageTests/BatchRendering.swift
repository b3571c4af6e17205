import Usage

/// A batch as JSON that a person can read and another program can compare; zeros are left out.
enum BatchRendering {
  static func json(_ batch: Batch) -> String {
    let members = [
      "\"name\": \"\(batch.name)\"",
      "\"last_sequence\": \(batch.lastSequence)",
      "\"start_us\": \(batch.interval.startMicroseconds)",
      "\"end_us\": \(batch.interval.endMicroseconds)",
      "\"length_ns\": \(batch.interval.lengthNanoseconds)",
      "\"flags\": \(batch.flags.rawValue)",
      "\"predecessor\": \(predecessor(batch.predecessor))",
      "\"units\": [\(batch.units.map { "[\"\($0.name)\", \"\($0.unit)\"]" }.joined(separator: ", "))]",
      "\"listeners\": [\(lines(batch.listeners.map(listener)))]",
      "\"rows\": [\(lines(batch.rows.map(row)))]",
    ]
    return "{\n  " + members.joined(separator: ",\n  ") + "\n}\n"
  }

  private static func lines(_ items: [String]) -> String {
    items.isEmpty ? "" : "\n    " + items.joined(separator: ",\n    ") + "\n  "
  }

  private static func predecessor(_ predecessor: Batch.Predecessor?) -> String {
    predecessor.map { "{\"boot\": \"\($0.boot)\", \"last_sequences\": \($0.lastSequences)}" }
      ?? "null"
  }

  private static func listener(_ totals: ListenerTotals) -> String {
    let connections = ConnectionQuantity.allCases.filter {
      totals.connectionQuantities[Int($0.rawValue)] > 0
    }.map { "\"\($0.name)\": \(totals.connectionQuantities[Int($0.rawValue)])" }
    return "{\"listener\": \"\(totals.listener)\", \"quantities\": {"
      + quantities(totals.quantities) + "}, \"connection_quantities\": {"
      + connections.joined(separator: ", ") + "}, \"open_start\": \(totals.openStart), "
      + "\"open_end\": \(totals.openEnd), \"observations\": \(totals.observations)}"
  }

  private static func row(_ row: UsageRow) -> String {
    let bins = row.histogram.bins.map { "[\($0.bucket), \($0.count)]" }.joined(separator: ", ")
    return "{\"tenant\": \"\(row.tenant)\", \"route\": \"\(row.route)\", \"quantities\": {"
      + quantities(row.quantities) + "}, \"open_start\": \(row.openStart), "
      + "\"open_end\": \(row.openEnd), \"bins\": [\(bins)], "
      + "\"clamped_low\": \(row.histogram.clampedLow), "
      + "\"clamped_high\": \(row.histogram.clampedHigh)}"
  }

  private static func quantities(_ values: [UInt64]) -> String {
    Quantity.allCases.filter { values[Int($0.rawValue)] > 0 }
      .map { "\"\($0.name)\": \(values[Int($0.rawValue)])" }.joined(separator: ", ")
  }
}
