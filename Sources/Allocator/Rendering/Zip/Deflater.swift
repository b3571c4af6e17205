internal import CZlib

/// Compresses whole files (RFC 1951) and works out their CRC-32. The same bytes give the same bytes
/// with the same zlib.
enum Deflater {
  /// Why a file cannot be compressed.
  enum Failure: Error, Equatable {
    /// zlib refused; carries its code.
    case refused(code: Int32)
  }

  /// A raw deflate stream of these bytes. Memory: zlib's 256 KiB and the result.
  static func deflate(_ bytes: [UInt8]) throws(Failure) -> [UInt8] {
    var stream = unsafe z_stream()
    // Negative window bits: no zlib header. Safe: `stream` lives through the calls below.
    let begun = unsafe deflateInit2_(
      &stream, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
      Int32(MemoryLayout<z_stream>.size))
    guard begun == Z_OK else { throw .refused(code: begun) }
    // Safe: set up above.
    defer { unsafe deflateEnd(&stream) }
    let bound = unsafe Int(deflateBound(&stream, UInt(bytes.count)))
    var status: Int32 = Z_OK
    let made = unsafe [UInt8](unsafeUninitializedCapacity: bound) { buffer, count in
      // Safe: both buffers outlive the call, and zlib is told their sizes.
      unsafe bytes.withUnsafeBufferPointer { source in
        unsafe stream.next_in = UnsafeMutablePointer(mutating: source.baseAddress)
        unsafe stream.avail_in = UInt32(source.count)
        unsafe stream.next_out = buffer.baseAddress
        unsafe stream.avail_out = UInt32(bound)
        status = unsafe CZlib.deflate(&stream, Z_FINISH)
        count = bound - Int(unsafe stream.avail_out)
      }
    }
    guard status == Z_STREAM_END else { throw .refused(code: status) }
    return made
  }

  /// The CRC-32 of these bytes, as ZIP and gzip use it.
  static func crc(_ bytes: [UInt8]) -> UInt32 {
    // Safe: zlib reads the bytes that it is told of.
    unsafe bytes.withUnsafeBufferPointer { source in
      UInt32(truncatingIfNeeded: unsafe crc32_z(0, source.baseAddress, source.count))
    }
  }
}
