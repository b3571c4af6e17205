import Usage

/// The laws that every batch keeps, held by arithmetic of the tests' own.
enum Conservation {
  /// What one batch breaks, in words.
  static func faults(of batch: Batch) -> [String] {
    var faults: [String] = []
    for quantity in Usage.Quantity.allCases {
      let rows = batch.rows.reduce(UInt64(0)) { $0 + $1[quantity] }
      let listeners = batch.listeners.reduce(UInt64(0)) {
        $0 + $1.quantities[Int(quantity.rawValue)]
      }
      if rows != listeners {
        faults.append("\(batch.name) \(quantity.name): rows \(rows), listeners \(listeners)")
      }
    }
    for row in batch.rows {
      let ended = Usage.Quantity.ended.reduce(UInt64(0)) { $0 + row[$1] }
      if row.openStart + row[.requests] != ended + row.openEnd {
        faults.append("\(batch.name) \(row.tenant.text) \(row.route.text): open and ended")
      }
    }
    return faults
  }

  /// What the names of all batches of an instance break: twice, or with a hole.
  static func faults(ofNames batches: [Batch]) -> [String] {
    var faults: [String] = []
    var streams: [String: [UInt64]] = [:]
    for batch in batches {
      let stream = "\(batch.name.boot)/\(batch.name.worker)"
      streams[stream, default: []] += Array(batch.name.sequence...batch.lastSequence)
    }
    for (stream, sequences) in streams {
      let sorted = sequences.sorted()
      if sorted != Array(0..<UInt64(sorted.count)) { faults.append("\(stream): \(sorted)") }
    }
    return faults
  }

  /// What each worker's intervals break between them: what was open at the end of one is open at
  /// the start of the next.
  static func faults(ofOpen batches: [Batch]) -> [String] {
    var faults: [String] = []
    let streams = Dictionary(grouping: batches) { "\($0.name.boot)/\($0.name.worker)" }
    for (stream, members) in streams {
      var open: UInt64 = 0
      for batch in members.sorted(by: { $0.name.sequence < $1.name.sequence }) {
        let start = batch.rows.reduce(UInt64(0)) { $0 + $1.openStart }
        if start != open { faults.append("\(batch.name): \(start) open, before it \(open)") }
        open = batch.rows.reduce(UInt64(0)) { $0 + $1.openEnd }
      }
      if open != 0 { faults.append("\(stream): \(open) open at its end") }
    }
    return faults
  }
}
