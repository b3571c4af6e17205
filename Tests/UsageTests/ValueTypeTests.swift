import Testing

@testable import Usage

struct ValueTypeTests {
  @Test(arguments: [
    ("a", true), ("acme-000123", true), ("A.b_c:d@e-f", true), ("0", true),
    (String(repeating: "x", count: 128), true), ("", false), ("-a", false), (".a", false),
    ("~unattributed", false), ("a b", false), ("a/b", false), ("é", false), ("a\u{0}", false),
    (String(repeating: "x", count: 129), false), ("a~", false), ("@a", false),
  ])
  func `a tenant id is letters, digits and five marks`(text: String, isValid: Bool) {
    #expect((TenantID(text) != nil) == isValid)
    #expect((TenantID(stored: text) != nil) == (isValid || text == "~unattributed"))
    #expect(
      (TenantID(storedBytes: Array(text.utf8)) != nil) == (isValid || text == "~unattributed"))
  }

  @Test func `every byte is judged alike at the start and within an id`() {
    for byte in UInt8.min...UInt8.max {
      let scalar = Character(Unicode.Scalar(byte))
      let isWord = scalar.isASCII && (scalar.isLetter || scalar.isNumber)
      let isMark = "._:@-".contains(scalar)
      #expect((TenantID(storedBytes: [byte]) != nil) == isWord, "byte \(byte)")
      #expect((TenantID(storedBytes: [0x61, byte]) != nil) == (isWord || isMark), "byte \(byte)")
    }
  }

  @Test(arguments: ["~unattributed", "~invalid", "~overflow"])
  func `reserved ids cannot be claimed but can be stored`(text: String) {
    #expect(TenantID(text) == nil)
    #expect(TenantID(stored: text)?.isReserved == true)
  }

  @Test func `a batch name is read back from its text`() throws {
    let name = BatchSamples.name(123, worker: 65_535)

    #expect(name.description == "edge-1/00112233445566778899aabbccddeeff/65535/123")
    #expect(BatchName(name.description) == name)
  }

  @Test(arguments: [
    "", "edge-1", "edge-1/00112233445566778899aabbccddeeff/1",
    "-x/00112233445566778899aabbccddeeff/1/1",
    "edge-1/00112233445566778899AABBCCDDEEFF/1/1", "edge-1/00112233445566778899aabbccddeeff/01/1",
    "edge-1/00112233445566778899aabbccddeeff/65536/1",
    "edge-1/00112233445566778899aabbccddeeff/1/+1", "~none/00112233445566778899aabbccddeeff/1/1",
  ])
  func `text that is not exactly a batch name is refused`(text: String) {
    #expect(BatchName(text) == nil)
  }

  @Test func `each bucket begins where the one before ends`() {
    for bucket in 1...HistogramBuckets.bucket(of: .max) {
      let edge = HistogramBuckets.lowerEdge(of: bucket)
      #expect(HistogramBuckets.bucket(of: edge) == bucket)
      #expect(HistogramBuckets.bucket(of: edge - 1) == max(1, bucket - 1))
    }
  }

  @Test func `a midpoint is within 3_2 percent of every value of its bucket`() {
    for bucket in 1..<HistogramBuckets.count - 1 {
      let lowest = HistogramBuckets.lowerEdge(of: bucket)
      let highest = HistogramBuckets.lowerEdge(of: bucket + 1) - 1
      let midpoint = Double(HistogramBuckets.midpoint(of: bucket))
      for value in [Double(lowest), Double(highest)] {
        #expect((midpoint - value).magnitude / value <= 0.032, "bucket \(bucket)")
      }
    }
  }

  @Test func `values beyond the ends fall into the first and the last bucket`() {
    #expect(HistogramBuckets.bucket(of: 0) == 1)
    #expect(
      HistogramBuckets.bucket(of: .max) == HistogramBuckets.bucket(of: HistogramBuckets.valueMax))
    #expect(HistogramBuckets.bucket(of: .max) < HistogramBuckets.count)
  }

  @Test func `merging adds what was clamped, at either end`() {
    var left = SparseHistogram(bins: [.init(bucket: 3, count: 9)], clampedLow: 1, clampedHigh: 2)
    left.merge(
      SparseHistogram(bins: [.init(bucket: 3, count: 8)], clampedLow: 3, clampedHigh: 4))

    #expect(
      left
        == SparseHistogram(bins: [.init(bucket: 3, count: 17)], clampedLow: 4, clampedHigh: 6))
  }

  @Test func `a quantile is in the bucket up to which so many observations lie`() {
    let histogram = SparseHistogram(bins: [
      .init(bucket: 10, count: 50), .init(bucket: 20, count: 45), .init(bucket: 30, count: 5),
    ])

    let buckets = [0, 0.49, 0.5, 0.94, 0.95, 1].map { histogram.value(atQuantile: $0) }

    #expect(buckets == [10, 10, 20, 20, 30, 30].map { HistogramBuckets.midpoint(of: $0) })
    #expect(SparseHistogram().value(atQuantile: 0.5) == nil)
  }

  @Test func `a merged histogram is the histogram of all observations`() {
    var random = SplitMix64.fromEnvironment()
    let seed = random.seed
    let values = (0..<1000).map { _ in random.next() >> UInt64(20 + random.below(44)) }
    let cut = random.below(1000)

    var left = histogram(of: values[..<cut])
    left.merge(histogram(of: values[cut...]))

    #expect(left == histogram(of: values[...]), "WEIR_SEED=\(seed)")
    #expect(left.total == 1000)
  }

  @Test func `quantity names are unique and found again`() {
    #expect(Quantity.allCases.count == Quantity.count)
    #expect(ConnectionQuantity.allCases.count == ConnectionQuantity.count)
    for quantity in Quantity.allCases { #expect(Quantity(name: quantity.name) == quantity) }
  }

  @Test func `the checksum is the published one`() {
    #expect(CRC32C.checksum(Array("123456789".utf8)) == 0xE306_9283)
    #expect(CRC32C.checksum([UInt8](repeating: 0, count: 32)) == 0x8A91_36AA)
  }

  private func histogram(of values: ArraySlice<UInt64>) -> SparseHistogram {
    var counts: [Int: UInt64] = [:]
    for value in values { counts[HistogramBuckets.bucket(of: value), default: 0] += 1 }
    return SparseHistogram(
      bins: counts.sorted { $0.key < $1.key }.map { .init(bucket: UInt16($0.key), count: $0.value) }
    )
  }
}
