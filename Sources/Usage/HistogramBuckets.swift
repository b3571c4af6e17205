/// The buckets of the latency histogram: log-linear, 16 linear steps an octave, over 1 µs to 1 h.
///
/// Values below 16 have a bucket each. From 16 on, value v with e = floor(log2 v) falls into bucket
/// (e - 3) * 16 + ((v >> (e - 4)) & 15): one count of leading zeros and one shift. A bucket is at most
/// 1/16 of its lower edge wide, so its midpoint is within 3.2 % of every value in it. Histograms of the same
/// layout merge by adding counts.
public enum HistogramBuckets {
  /// Number of buckets.
  public static let count = 464
  /// Linear steps in one octave; also the number of buckets in one group.
  public static let stepsPerOctave = 16
  /// Groups of 16 buckets: values below 16, then one for each octave.
  public static let groupCount = count / stepsPerOctave
  /// The largest value told apart, one hour in microseconds. Longer ones are clamped and counted.
  public static let valueMax: UInt64 = 3_600_000_000
  /// The smallest value told apart. Zero is clamped and counted.
  public static let valueMin: UInt64 = 1

  /// The bucket of a value in microseconds, after clamping to 1 µs … 1 h.
  @inlinable
  public static func bucket(of value: UInt64) -> Int {
    let clamped = min(max(value, valueMin), valueMax)
    if clamped < 16 { return Int(clamped) }
    let exponent = 63 - clamped.leadingZeroBitCount
    return (exponent - 3) * 16 + Int((clamped >> UInt64(exponent - 4)) & 15)
  }

  /// The smallest value of a bucket, in microseconds.
  public static func lowerEdge(of bucket: Int) -> UInt64 {
    precondition((0..<count).contains(bucket), "no histogram bucket \(bucket)")
    if bucket < 16 { return UInt64(bucket) }
    let exponent = bucket / 16 + 3
    return UInt64(16 + bucket % 16) << UInt64(exponent - 4)
  }

  /// The middle of a bucket, in microseconds: the estimate for every value in it.
  public static func midpoint(of bucket: Int) -> UInt64 {
    if bucket < 16 { return lowerEdge(of: bucket) }
    let width = UInt64(1) << UInt64(bucket / 16 + 3 - 4)
    return lowerEdge(of: bucket) + width / 2
  }
}
