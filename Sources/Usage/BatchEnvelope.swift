/// The fixed 40 bytes before the LZ4 frame of a batch file.
///
///      0  8  magic 89 57 42 54 0D 0A 1A 0A
///      8  4  version
///     12  4  zero
///     16  8  payload bytes, decompressed
///     24  8  frame bytes, compressed: the rest of the file
///     32  4  CRC-32C of the frame
///     36  4  CRC-32C of bytes 0 to 35
///
/// All numbers little-endian. See docs/reference/batch-format.md.
struct BatchEnvelope {
  static let byteCount = 40
  static let magic: [UInt8] = [0x89, 0x57, 0x42, 0x54, 0x0D, 0x0A, 0x1A, 0x0A]

  let version: UInt32
  let payloadBytes: Int

  /// Writes the envelope over the first 40 bytes of `file`, whose frame follows.
  static func seal(_ file: inout [UInt8], payloadBytes: UInt64) {
    precondition(file.count >= byteCount, "no room for the envelope")
    file.replaceSubrange(0..<8, with: magic)
    store(UInt64(BatchCodec.version), bytes: 4, at: 8, in: &file)
    store(0, bytes: 4, at: 12, in: &file)
    store(payloadBytes, bytes: 8, at: 16, in: &file)
    store(UInt64(file.count - byteCount), bytes: 8, at: 24, in: &file)
    let frame = CRC32C.checksum(file, from: byteCount, to: file.count)
    store(UInt64(frame), bytes: 4, at: 32, in: &file)
    store(UInt64(CRC32C.checksum(file, from: 0, to: 36)), bytes: 4, at: 36, in: &file)
  }

  /// Checks the envelope and the frame's checksum; nothing is allocated.
  init(_ file: [UInt8], limits: BatchCodec.Limits) throws(BatchError) {
    guard file.starts(with: Self.magic) else { throw .notABatch }
    guard file.count >= Self.byteCount else {
      throw .wrongLength(expected: UInt64(Self.byteCount), found: UInt64(file.count))
    }
    let version = UInt32(Self.load(bytes: 4, at: 8, in: file))
    guard BatchCodec.quantityCount(ofVersion: version) != nil else {
      throw .unsupportedVersion(found: version, supported: BatchCodec.version)
    }
    try Self.verify("header", Self.load(bytes: 4, at: 36, in: file), file, 0, 36)
    guard Self.load(bytes: 4, at: 12, in: file) == 0 else {
      throw .invalid(row: nil, reason: "header bytes 12 to 15 are not zero")
    }
    let frameBytes = Self.load(bytes: 8, at: 24, in: file)
    guard frameBytes == UInt64(file.count - Self.byteCount) else {
      let expected = frameBytes.addingReportingOverflow(UInt64(Self.byteCount)).partialValue
      throw .wrongLength(expected: expected, found: UInt64(file.count))
    }
    try Self.verify(
      "frame", Self.load(bytes: 4, at: 32, in: file), file, Self.byteCount, file.count)
    let payloadBytes = Self.load(bytes: 8, at: 16, in: file)
    guard payloadBytes <= limits.decodedBytesMax else {
      throw .tooLarge(
        what: "decompressed payload", value: payloadBytes, limit: UInt64(limits.decodedBytesMax))
    }
    // LZ4 cannot expand a byte into more than 255.
    guard payloadBytes <= 255 * frameBytes else {
      throw .compression("\(frameBytes) bytes cannot hold the declared \(payloadBytes)")
    }
    self.version = version
    self.payloadBytes = Int(payloadBytes)
  }

  private static func verify(
    _ part: String, _ stored: UInt64, _ file: [UInt8], _ start: Int, _ end: Int
  ) throws(BatchError) {
    let computed = CRC32C.checksum(file, from: start, to: end)
    guard UInt64(computed) == stored else {
      throw .checksumMismatch(part: part, stored: UInt32(stored), computed: computed)
    }
  }

  private static func load(bytes: Int, at offset: Int, in file: [UInt8]) -> UInt64 {
    (0..<bytes).reduce(0) { $0 | UInt64(file[offset + $1]) << UInt64(8 * $1) }
  }

  private static func store(
    _ value: UInt64, bytes: Int, at offset: Int, in file: inout [UInt8]
  ) {
    for index in 0..<bytes {
      file[offset + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index))
    }
  }
}
