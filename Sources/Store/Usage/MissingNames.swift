internal import GRDB

/// Names that the allocator should have by its own counting and lacks.
enum MissingNames {
  /// At most `max` names of one instance, oldest boots' streams in order of their id.
  ///
  /// Only streams with a hole are looked at: for the others the count of names equals the highest
  /// sequence plus one.
  static func list(_ database: Database, instance: String, max: Int) throws -> [String] {
    var names: [String] = []
    for stream in try gappedStreams(database, instance: instance) where names.count < max {
      for gap in try gaps(database, stream) {
        // Bound: `max`, however long the gap is.
        var sequence = gap.lowerBound
        while sequence <= gap.upperBound, names.count < max {
          names.append("\(stream.instance)/\(stream.boot)/\(stream.worker)/\(sequence)")
          sequence += 1
        }
      }
    }
    return names
  }

  /// One worker of one boot that misses something.
  struct Stream {
    /// The proxy.
    var instance: String
    /// The boot.
    var boot: String
    /// The worker.
    var worker: Int
    /// The highest sequence that is known to exist.
    var expectedLast: Int64
  }

  /// Streams of an instance (of all when nil) whose count of names falls short.
  static func gappedStreams(_ database: Database, instance: String?) throws -> [Stream] {
    try Row.fetchAll(
      database,
      sql: """
        SELECT instance, boot, worker, max(sequence_max, expected_last) AS expected
        FROM batch_stream
        WHERE names_stored < 1 + max(sequence_max, expected_last) AND instance = ifnull(?, instance)
        ORDER BY instance, boot, worker
        """, arguments: [instance]
    ).map { row in
      Stream(
        instance: row["instance"], boot: row["boot"], worker: row["worker"],
        expectedLast: row["expected"])
    }
  }

  /// The holes of one stream, ascending.
  static func gaps(_ database: Database, _ stream: Stream) throws -> [ClosedRange<Int64>] {
    let rows = try Row.fetchCursor(
      database,
      sql: """
        SELECT first_sequence, last_sequence FROM batch
        WHERE instance = ? AND boot = ? AND worker = ? ORDER BY first_sequence
        """, arguments: [stream.instance, stream.boot, stream.worker])
    var next: Int64 = 0
    var gaps: [ClosedRange<Int64>] = []
    while let row = try rows.next() {
      let first: Int64 = row["first_sequence"]
      if first > next { gaps.append(next...first - 1) }
      next = row["last_sequence"] as Int64 + 1
    }
    if next <= stream.expectedLast { gaps.append(next...stream.expectedLast) }
    return gaps
  }
}
