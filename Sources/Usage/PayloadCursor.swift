/// A position in a payload that moves forward and never past its end.
struct PayloadCursor {
  private(set) var position: Int
  let end: Int

  /// Bytes not yet read.
  var remaining: Int { end - position }

  /// A cursor over `start..<end`.
  init(_ start: Int, _ end: Int) {
    precondition(start <= end, "a cursor ends before it begins")
    position = start
    self.end = end
  }

  /// A fault at the current position.
  func fault(_ reason: String) -> BatchError { .malformed(offset: position, reason: reason) }

  /// The next byte.
  @inline(__always)
  mutating func byte(_ payload: [UInt8]) throws(BatchError) -> UInt8 {
    guard position < end else { throw fault("cut off") }
    defer { position += 1 }
    return payload[position]
  }

  /// Unsigned LEB128 in its shortest form.
  @inline(__always)
  mutating func varint(_ payload: [UInt8]) throws(BatchError) -> UInt64 {
    let first = try byte(payload)
    if first < 0x80 { return UInt64(first) }
    return try longVarint(payload, first: first)
  }

  private mutating func longVarint(
    _ payload: [UInt8], first: UInt8
  ) throws(BatchError) -> UInt64 {
    var value = UInt64(first & 0x7F)
    var shift: UInt64 = 7
    // Bound: ten bytes.
    while true {
      let next = try byte(payload)
      guard shift < 63 || next <= 1 else { throw fault("varint is longer than 64 bits") }
      value |= UInt64(next & 0x7F) << shift
      if next < 0x80 {
        guard next != 0 else { throw fault("varint is not in its shortest form") }
        return value
      }
      shift += 7
    }
  }

  /// A varint of at most `limit`.
  mutating func varint(
    _ payload: [UInt8], _ what: String, max limit: Int
  ) throws(BatchError) -> Int {
    let value = try varint(payload)
    guard value <= UInt64(limit) else {
      throw fault("\(what) is \(value), at most \(limit) is possible")
    }
    return Int(value)
  }

  /// A signed number, zigzag.
  mutating func zigzag(_ payload: [UInt8]) throws(BatchError) -> Int64 {
    let value = try varint(payload)
    return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
  }

  /// The next `count` bytes; nothing is copied.
  mutating func bytes(
    _ payload: [UInt8], _ count: Int
  ) throws(BatchError) -> ArraySlice<UInt8> {
    guard count <= remaining else { throw fault("\(count) bytes expected, \(remaining) left") }
    defer { position += count }
    return payload[position..<position + count]
  }

  /// Length and bytes of a text of ASCII.
  mutating func text(_ payload: [UInt8], bytesMax: Int) throws(BatchError) -> String {
    let count = try varint(payload, "length of a text", max: bytesMax)
    let start = self
    let slice = try bytes(payload, count)
    guard slice.allSatisfy({ $0 < 0x80 }) else { throw start.fault("text is not ASCII") }
    return String(decoding: slice, as: UTF8.self)
  }

  /// Sixteen bytes, most significant first.
  mutating func boot(_ payload: [UInt8]) throws(BatchError) -> BootID {
    let slice = try bytes(payload, 16)
    func word(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }
    return BootID(high: word(slice.prefix(8)), low: word(slice.suffix(8)))
  }
}
