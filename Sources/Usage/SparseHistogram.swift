/// A latency histogram with only its filled buckets, in the order of the buckets.
public struct SparseHistogram: Equatable, Sendable {
  /// One filled bucket.
  public struct Bin: Equatable, Sendable {
    /// Position in `HistogramBuckets`.
    public var bucket: UInt16
    /// Observations in it, never zero.
    public var count: UInt64

    /// A bin of `count` observations.
    public init(bucket: UInt16, count: UInt64) {
      self.bucket = bucket
      self.count = count
    }
  }

  /// Filled buckets, strictly ascending by bucket.
  public private(set) var bins: [Bin]
  /// Observations below 1 µs that were clamped into the first bucket.
  public var clampedLow: UInt64
  /// Observations above 1 h that were clamped into the last bucket.
  public var clampedHigh: UInt64

  /// A histogram of these bins, which must ascend strictly and hold no zero.
  public init(bins: [Bin] = [], clampedLow: UInt64 = 0, clampedHigh: UInt64 = 0) {
    var last = -1
    for bin in bins {
      precondition(Int(bin.bucket) > last && bin.count > 0, "bins must ascend and be filled")
      last = Int(bin.bucket)
    }
    precondition(last < HistogramBuckets.count, "no histogram bucket \(last)")
    self.bins = bins
    self.clampedLow = clampedLow
    self.clampedHigh = clampedHigh
  }

  /// All observations.
  public var total: UInt64 { bins.reduce(0) { $0 + $1.count } }

  /// Takes all bins away and keeps their memory.
  mutating func removeBins() { bins.removeAll(keepingCapacity: true) }

  /// Adds a filled bin behind the last.
  mutating func append(_ bin: Bin) {
    assert(Int(bin.bucket) > bins.last.map { Int($0.bucket) } ?? -1 && bin.count > 0)
    bins.append(bin)
  }

  /// Adds another histogram's counts to this one's.
  public mutating func merge(_ other: SparseHistogram) {
    var merged: [Bin] = []
    merged.reserveCapacity(bins.count + other.bins.count)
    var mine = bins[...]
    var theirs = other.bins[...]
    while let left = mine.first, let right = theirs.first {
      if left.bucket == right.bucket {
        merged.append(Bin(bucket: left.bucket, count: left.count + right.count))
        mine.removeFirst()
        theirs.removeFirst()
      } else if left.bucket < right.bucket {
        merged.append(mine.removeFirst())
      } else {
        merged.append(theirs.removeFirst())
      }
    }
    merged += mine
    merged += theirs
    bins = merged
    clampedLow += other.clampedLow
    clampedHigh += other.clampedHigh
  }

  /// The midpoint of the bucket that holds the observation at `quantile` (0 … 1), or nil when empty.
  public func value(atQuantile quantile: Double) -> UInt64? {
    let all = total
    guard all > 0 else { return nil }
    let wanted = min(all - 1, UInt64(max(0, quantile) * Double(all)))
    var seen: UInt64 = 0
    for bin in bins {
      seen += bin.count
      if seen > wanted { return HistogramBuckets.midpoint(of: Int(bin.bucket)) }
    }
    return nil
  }
}
