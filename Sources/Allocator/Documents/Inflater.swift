internal import CZlib

/// Decompresses a gzip file piece by piece (RFC 1952), members one after another.
///
/// Give it bytes, then take pieces until there are none. Owned by one task. Memory: zlib's window
/// of 32 KiB, the bytes given, and one piece.
@safe final class Inflater {
  /// The largest piece.
  static let pieceBytes = 64 * 1024

  /// Why a gzip file cannot be read.
  enum Failure: Error, Equatable {
    /// zlib could not be set up.
    case noMemory
    /// The bytes are not gzip, or were damaged.
    case damaged(code: Int32)
    /// The file ends within a member.
    case cutOff
  }

  private let stream: UnsafeMutablePointer<z_stream>
  private var input: [UInt8] = []
  private var offset = 0
  private var isInMember = true

  /// An inflater at the start of a file.
  init() throws(Failure) {
    // Safe: allocated here, initialised before use, released in deinit only.
    unsafe stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    unsafe stream.initialize(to: z_stream())
    // 15 bits of window, plus 16: gzip wrapping only.
    // Safe: `stream` is initialised; the version text is a constant of the header.
    let status = unsafe inflateInit2_(
      stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    guard status == Z_OK else { throw .noMemory }
  }

  deinit {
    // Safe: set up in init (inflateEnd refuses a stream that was not); nobody uses it after deinit.
    unsafe inflateEnd(stream)
    unsafe stream.deallocate()
  }

  /// Takes more of the file. All pieces of what was given before must have been taken.
  func give(_ bytes: [UInt8]) {
    precondition(offset == input.count, "bytes are left of what was given before")
    input = bytes
    offset = 0
  }

  /// The next piece, or nil when more of the file is needed. Throws `damaged`.
  func next() throws(Failure) -> [UInt8]? {
    while true {
      if !isInMember {
        guard offset < input.count else { return nil }
        // Safe: set up in init.
        guard unsafe inflateReset(stream) == Z_OK else { throw .noMemory }
        isInMember = true
      }
      let status: Int32
      let piece: [UInt8]
      (piece, status) = step()
      switch status {
      case Z_STREAM_END: isInMember = false
      case Z_OK, Z_BUF_ERROR: break
      default: throw .damaged(code: status)
      }
      if !piece.isEmpty { return piece }
      if isInMember, offset == input.count { return nil }
    }
  }

  /// Ends the file; throws `cutOff` within a member.
  func finish() throws(Failure) {
    guard !isInMember else { throw .cutOff }
  }

  /// One call of zlib; every call reads input, writes output, or reports that it can do neither.
  private func step() -> (piece: [UInt8], status: Int32) {
    var status: Int32 = Z_OK
    let piece = unsafe [UInt8](unsafeUninitializedCapacity: Self.pieceBytes) { buffer, count in
      // Safe: both buffers outlive the call, and zlib is told their sizes.
      unsafe input.withUnsafeBufferPointer { source in
        let rest = source.count - offset
        unsafe stream.pointee.next_in = UnsafeMutablePointer(
          mutating: source.baseAddress?.advanced(by: offset))
        unsafe stream.pointee.avail_in = UInt32(rest)
        unsafe stream.pointee.next_out = buffer.baseAddress
        unsafe stream.pointee.avail_out = UInt32(Self.pieceBytes)
        status = unsafe inflate(stream, Z_NO_FLUSH)
        offset += rest - Int(unsafe stream.pointee.avail_in)
        count = Self.pieceBytes - Int(unsafe stream.pointee.avail_out)
      }
    }
    return (piece, status)
  }
}
