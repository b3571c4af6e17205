/// The rules that a row keeps, in memory and in bytes; used on both ways.
enum RowRules {
  /// `openStart + requests == sum of ended_* + openEnd`.
  @inline(__always)
  static func conserves(
    openStart: UInt64, requests: UInt64, ended: UInt64?, openEnd: UInt64
  ) -> Bool {
    guard let ended else { return false }
    let left = openStart.addingReportingOverflow(requests)
    let right = ended.addingReportingOverflow(openEnd)
    return !left.overflow && !right.overflow && left.partialValue == right.partialValue
  }

  /// The sum of a row's end reasons, nil when it overflows.
  @inline(__always)
  static func sumOfEnded(_ quantity: (Int) -> UInt64) -> UInt64? {
    var sum: UInt64 = 0
    for index in Int(Quantity.endedCompleted.rawValue)...Int(Quantity.endedCrashed.rawValue) {
      let (next, overflow) = sum.addingReportingOverflow(quantity(index))
      if overflow { return nil }
      sum = next
    }
    return sum
  }

  /// The fault to report when conservation is broken.
  static let notConserved = "open_start + requests is not the sum of ended_* and open_end"

  /// Whether these bytes are a client's id or one of the reserved.
  static func isTenant(_ bytes: [UInt8]) -> Bool {
    if bytes.first == UInt8(ascii: "~") {
      return TenantID.reserved.contains { $0.text.utf8.elementsEqual(bytes) }
    }
    // Safe: every bit pattern of UInt8 is a valid byte.
    return unsafe TenantID.isValid(bytes.span.bytes)
  }

  /// Checks a histogram bin by bin, in order.
  struct Bins {
    private var last = -1
    private(set) var total: UInt64 = 0
    private(set) var fault: String?

    /// Takes the next bin into account; the first fault stays.
    @inline(__always)
    mutating func check(_ bin: SparseHistogram.Bin) {
      guard fault == nil else { return }
      let (sum, overflow) = total.addingReportingOverflow(bin.count)
      if Int(bin.bucket) <= last || Int(bin.bucket) >= HistogramBuckets.count {
        fault = "histogram buckets do not ascend within 0 to \(HistogramBuckets.count - 1)"
      } else if bin.count == 0 {
        fault = "histogram bucket \(bin.bucket) is listed and empty"
      } else if overflow || sum > BatchCodec.counterMax {
        fault = "histogram holds more than 2^63 - 1 observations"
      }
      last = Int(bin.bucket)
      total = sum
    }
  }
}
