private import CLZ4

/// Decompresses the LZ4 frames of batches.
@safe struct LZ4FrameReader: ~Copyable {
  private let context: OpaquePointer

  private init() throws(BatchError) {
    var made: OpaquePointer?
    // Safe: the context is checked below and freed once, in deinit.
    let code = unsafe LZ4F_createDecompressionContext(&made, UInt32(LZ4F_VERSION))
    guard LZ4F_isError(code) == 0, let context = unsafe made else {
      throw .compression("no memory for a decompression context")
    }
    unsafe self.context = context
  }

  deinit {
    // Safe: made in init, freed nowhere else.
    unsafe _ = LZ4F_freeDecompressionContext(context)
  }

  /// The content of the one frame in `bytes[start...]`, which must decompress to exactly `count`.
  ///
  /// The frame must carry a content checksum, which LZ4 verifies. Never allocates more than `count`.
  static func decompress(
    _ bytes: [UInt8], from start: Int, count: Int
  ) throws(BatchError) -> [UInt8] {
    guard bytes.count - start >= 7, bytes[start...].starts(with: [0x04, 0x22, 0x4D, 0x18]) else {
      throw .compression("no LZ4 frame at file offset \(start)")
    }
    guard bytes[start + 4] & 0x04 != 0 else { throw .compression("no content checksum") }
    let reader = try LZ4FrameReader()
    // A frame that would give more is seen because its end is not reached.
    var content = [UInt8](repeating: 0, count: count)
    try reader.fill(&content, from: bytes, start: start)
    return content
  }

  private func fill(
    _ content: inout [UInt8], from bytes: [UInt8], start: Int
  ) throws(BatchError) {
    var read = start
    var written = 0
    // Bound: every turn consumes input or produces output, else the loop ends.
    while true {
      var taken = bytes.count - read
      var given = content.count - written
      // Safe: both ranges lie inside their arrays, and LZ4 keeps to the lengths it is told.
      let hint = unsafe bytes.withUnsafeBytes { source in
        unsafe content.withUnsafeMutableBytes { target in
          unsafe LZ4F_decompress(
            context, target.baseAddress.map { unsafe $0 + written }, &given,
            source.baseAddress.map { unsafe $0 + read }, &taken, nil)
        }
      }
      if LZ4F_isError(hint) != 0 {
        // Safe: LZ4 returns a constant string.
        throw .compression(
          unsafe String(cString: LZ4F_getErrorName(hint)) + " at file offset \(read)")
      }
      read += taken
      written += given
      if hint == 0 { break }
      guard taken > 0 || given > 0 else {
        throw .compression(
          read == bytes.count
            ? "frame cut off at file offset \(read)"
            : "frame holds more than the \(content.count) bytes that the header declares")
      }
    }
    guard read == bytes.count else {
      throw .compression("frame ends at file offset \(read), \(bytes.count - read) bytes follow")
    }
    guard written == content.count else {
      throw .compression("frame holds \(written) bytes, the header declares \(content.count)")
    }
  }
}
