import CNghttp2

/// Fields of a head that is about to be sent: names in lower case, then values, in one run of bytes. Used again for each
/// head.
public final class HTTP2Fields {
  private var bytes: [UInt8] = []
  private var places: [(name: Range<Int>, value: Range<Int>)] = []

  /// No fields yet.
  public init() {
    bytes.reserveCapacity(1_024)
    places.reserveCapacity(32)
  }

  /// How many there are.
  public var count: Int { places.count }

  /// Forgets all, keeps the memory.
  public func reset() {
    bytes.removeAll(keepingCapacity: true)
    places.removeAll(keepingCapacity: true)
  }

  /// Adds a field; ASCII letters of its name become lower case (RFC 9113 §8.2).
  public func append(_ name: RawSpan, _ value: RawSpan) {
    let start = bytes.count
    append(all: name)
    for place in start..<bytes.count { bytes[place] = bytes[place].asciiLowercased }
    let middle = bytes.count
    append(all: value)
    places.append((start..<middle, middle..<bytes.count))
  }

  /// Adds a field whose name is in lower case.
  public func append(_ name: StaticString, _ value: RawSpan) {
    name.withUTF8Buffer { name in append(unsafe RawSpan(_unsafeElements: name), value) }
  }

  /// Adds a field of fixed text.
  public func append(_ name: StaticString, text value: StaticString) {
    value.withUTF8Buffer { value in append(name, unsafe RawSpan(_unsafeElements: value)) }
  }

  /// Adds `:status`.
  public func append(status: Int) {
    unsafe append(":status", Array(String(status).utf8).span.bytes)
  }

  private func append(all span: RawSpan) {
    // Safe: the bytes are copied.
    unsafe span.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
  }

  /// Lends the fields in libnghttp2's form.
  @unsafe
  func withEntries<Result>(_ body: (UnsafeMutableBufferPointer<nghttp2_nv>) -> Result) -> Result {
    unsafe bytes.withUnsafeMutableBufferPointer { bytes in
      unsafe withUnsafeTemporaryAllocation(of: nghttp2_nv.self, capacity: max(1, places.count)) {
        room in
        for (index, place) in places.enumerated() {
          // Safe: libnghttp2 copies what it is lent.
          unsafe room.initializeElement(
            at: index,
            to: nghttp2_nv(
              name: bytes.baseAddress! + place.name.lowerBound,
              value: bytes.baseAddress! + place.value.lowerBound, namelen: place.name.count,
              valuelen: place.value.count, flags: UInt8(NGHTTP2_NV_FLAG_NONE.rawValue)))
        }
        return unsafe body(UnsafeMutableBufferPointer(rebasing: room[0..<places.count]))
      }
    }
  }
}
