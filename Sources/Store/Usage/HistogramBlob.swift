internal import Foundation
internal import GRDB
internal import Usage

/// The stored form of a latency histogram: LEB128 numbers.
///
/// Layout: clamped low, clamped high, then for each filled bucket its distance from the one before
/// (the first from -1) and its count. Two blobs merge inside the database, so that an upsert of a
/// usage row is one statement.
enum HistogramBlob {
  /// `weir_merge_histogram(a, b)`: the sum of two blobs; null counts as empty.
  static let mergeFunction = DatabaseFunction(
    "weir_merge_histogram", argumentCount: 2, pure: true
  ) { arguments in
    guard let left = Data.fromDatabaseValue(arguments[0]) else { return arguments[1] }
    guard let right = Data.fromDatabaseValue(arguments[1]) else { return arguments[0] }
    var merged = try decode(left)
    merged.merge(try decode(right))
    return encode(merged)
  }

  /// `weir_sum_histogram(blob)`: the sum over a group of rows; null for a group without any.
  static let sumFunction = DatabaseFunction(
    "weir_sum_histogram", argumentCount: 1, aggregate: Sum.self)

  /// State of `weir_sum_histogram` over one group.
  struct Sum: DatabaseAggregate {
    private var sum = SparseHistogram()

    /// An empty group.
    init() {}

    /// Adds one row of the group.
    mutating func step(_ arguments: [DatabaseValue]) throws {
      guard let blob = Data.fromDatabaseValue(arguments[0]) else { return }
      sum.merge(try decode(blob))
    }

    /// The group's blob.
    func finalize() throws -> (any DatabaseValueConvertible)? { encode(sum) }
  }

  /// The blob of a histogram, or nil for an empty one.
  static func encode(_ histogram: SparseHistogram) -> Data? { bytes(histogram).map { Data($0) } }

  /// The same as bytes.
  static func bytes(_ histogram: SparseHistogram) -> [UInt8]? {
    guard !histogram.bins.isEmpty else { return nil }
    var bytes: [UInt8] = []
    append(histogram.clampedLow, to: &bytes)
    append(histogram.clampedHigh, to: &bytes)
    var last = -1
    for bin in histogram.bins {
      append(UInt64(Int(bin.bucket) - last), to: &bytes)
      append(bin.count, to: &bytes)
      last = Int(bin.bucket)
    }
    return bytes
  }

  /// The histogram of a blob; throws `malformed` when it is not one.
  static func decode(_ data: Data) throws(StoreError) -> SparseHistogram {
    var bytes = [UInt8](data)[...]
    let low = try next(&bytes)
    let high = try next(&bytes)
    var bins: [SparseHistogram.Bin] = []
    var last = -1
    while !bytes.isEmpty {
      let distance = try next(&bytes)
      let count = try next(&bytes)
      guard distance >= 1, distance <= UInt64(HistogramBuckets.count), count > 0,
        last + Int(distance) < HistogramBuckets.count
      else { throw .malformed(table: "histogram", reason: "bucket out of order") }
      last += Int(distance)
      bins.append(.init(bucket: UInt16(last), count: count))
    }
    return SparseHistogram(bins: bins, clampedLow: low, clampedHigh: high)
  }

  private static func append(_ value: UInt64, to bytes: inout [UInt8]) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }

  private static func next(_ bytes: inout ArraySlice<UInt8>) throws(StoreError) -> UInt64 {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while let byte = bytes.popFirst(), shift < 64 {
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
      shift += 7
    }
    throw .malformed(table: "histogram", reason: "cut off")
  }
}
