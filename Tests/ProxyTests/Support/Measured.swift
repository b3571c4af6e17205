import Metering
import Testing
import Usage

/// What the segments of a proxy's life say, by tenant and route and for the listeners.
struct Measured {
  /// The rows of each segment, in their order.
  let segments: [[UsageRow]]
  /// Rows by `tenant/route`, summed over all segments.
  private(set) var rows: [String: UsageRow] = [:]
  /// Connection totals of all listeners together.
  private var connections = [UInt64](repeating: 0, count: ConnectionQuantity.count)
  private let sealed: [SealedSegment]

  init(_ sealed: [SealedSegment]) throws {
    self.sealed = sealed
    segments = try sealed.map { try $0.rows().usageRows }
    for row in segments.joined() {
      let key = "\(row.tenant)/\(row.route)"
      guard var sum = rows[key] else {
        rows[key] = row
        continue
      }
      for quantity in Quantity.allCases { sum[quantity] += row[quantity] }
      rows[key] = sum
    }
    for segment in sealed {
      for totals in segment.listeners {
        for index in 0..<ConnectionQuantity.count {
          connections[index] += totals.connectionQuantities[index]
        }
      }
    }
  }

  /// The keys of all rows in which something was counted.
  var keys: Set<String> { Set(rows.filter { !Self.counts($0.value).isEmpty }.keys) }

  /// One quantity, over all rows.
  subscript(quantity: Quantity) -> UInt64 { rows.values.reduce(0) { $0 + $1[quantity] } }

  /// One quantity of a row.
  subscript(key: String, quantity: Quantity) -> UInt64 { rows[key]?[quantity] ?? 0 }

  /// A connection total.
  subscript(quantity: ConnectionQuantity) -> UInt64 { connections[Int(quantity.rawValue)] }

  /// Everything that is not zero in a row and does not depend on how fast the machine is.
  func counts(_ key: String) -> [Quantity: UInt64] { rows[key].map(Self.counts) ?? [:] }

  /// Quantities that measure time.
  static let times: Set<Quantity> = [
    .durationMicroseconds, .upstreamMicroseconds, .streamMilliseconds,
  ]

  private static func counts(_ row: UsageRow) -> [Quantity: UInt64] {
    var counts: [Quantity: UInt64] = [:]
    for quantity in Quantity.allCases where row[quantity] != 0 && !times.contains(quantity) {
      counts[quantity] = row[quantity]
    }
    return counts
  }

  /// Between what and what the observations of a histogram sum up to.
  private static func durationBounds(_ histogram: SparseHistogram) -> (UInt64, UInt64) {
    var (least, most): (UInt64, UInt64) = (0, 0)
    for bin in histogram.bins {
      least += bin.count * HistogramBuckets.lowerEdge(of: Int(bin.bucket))
      most += bin.count * (HistogramBuckets.lowerEdge(of: Int(bin.bucket) + 1) - 1)
    }
    return (least - histogram.clampedLow, most)
  }

  /// The laws: conservation, one end for each request, open exchanges handed on from segment to segment, every
  /// connection closed, one observation for each end that agrees with the sum of durations, and nothing that an operator should hear of.
  func checkLaws(_ events: [MeteringEvent], _ place: SourceLocation) {
    #expect(events.isEmpty, sourceLocation: place)
    for segment in sealed {
      #expect(
        segment.conservationDifference == 0, "\(segment.conservationDifferences)",
        sourceLocation: place)
    }
    var open: [String: UInt64] = [:]
    for (segment, rows) in zip(sealed, segments) {
      for row in rows {
        // An exchange stays with its worker.
        let key = "\(segment.name.worker) \(row.tenant)/\(row.route)"
        let ended = Quantity.ended.reduce(0) { $0 + row[$1] }
        #expect(
          row.openStart + row[.requests] == ended + row.openEnd, "\(key)", sourceLocation: place)
        #expect(row.histogram.total == ended, "\(key)", sourceLocation: place)
        let (least, most) = Self.durationBounds(row.histogram)
        #expect(
          (least...most).contains(row[.durationMicroseconds]), "\(key)", sourceLocation: place)
        #expect(row.openStart == open[key, default: 0], "\(key)", sourceLocation: place)
        open[key] = row.openEnd
      }
    }
    #expect(open.values.allSatisfy { $0 == 0 }, sourceLocation: place)
    #expect(self[.accepted] == self[.closed], sourceLocation: place)
  }
}
