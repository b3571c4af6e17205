internal import CZstd

/// Decompresses a zstd file piece by piece (RFC 8878), frames one after another.
///
/// Give it bytes, then take pieces until there are none. Owned by one task. Memory: the frame's window
/// of at most 128 MiB (`--long=27`), the bytes given, and one piece.
@safe final class ZstdInflater {
  /// Why a zstd file cannot be read.
  enum Failure: Error, Equatable {
    /// libzstd could not be set up.
    case noMemory
    /// The bytes are not zstd, were damaged, or want a larger window.
    case damaged(reason: String)
    /// The file ends within a frame.
    case cutOff
  }

  /// Base 2 logarithm of the largest window.
  private static let windowLogMax: Int32 = 27

  private let stream: OpaquePointer
  private var input: [UInt8] = []
  private var offset = 0
  private var isInFrame = true

  /// An inflater at the start of a file.
  init() throws(Failure) {
    guard let made = unsafe ZSTD_createDCtx() else { throw .noMemory }
    unsafe stream = made
    // Safe: made above. A parameter that is refused leaves the library's default, which is the same.
    _ = unsafe ZSTD_DCtx_setParameter(made, ZSTD_d_windowLogMax, Self.windowLogMax)
  }

  deinit {
    // Safe: made in init; nobody uses it after deinit.
    _ = unsafe ZSTD_freeDCtx(stream)
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
      let before = offset
      if !isInFrame, offset == input.count { return nil }
      var status = 0
      let piece = step(&status)
      guard ZSTD_isError(status) == 0 else {
        // Safe: libzstd returns a constant string.
        throw .damaged(reason: unsafe String(cString: ZSTD_getErrorName(status)))
      }
      isInFrame = status != 0
      if !piece.isEmpty { return piece }
      if offset == input.count, offset == before || isInFrame { return nil }
    }
  }

  /// Ends the file; throws `cutOff` within a frame.
  func finish() throws(Failure) {
    guard !isInFrame else { throw .cutOff }
  }

  /// One call of libzstd.
  private func step(_ status: inout Int) -> [UInt8] {
    var code = 0
    let piece = unsafe [UInt8](unsafeUninitializedCapacity: Inflater.pieceBytes) { buffer, count in
      // Safe: both buffers outlive the call, and libzstd is told their sizes.
      unsafe input.withUnsafeBytes { source in
        var from = unsafe ZSTD_inBuffer(
          src: source.baseAddress, size: source.count, pos: offset)
        var to = unsafe ZSTD_outBuffer(dst: buffer.baseAddress, size: buffer.count, pos: 0)
        code = unsafe ZSTD_decompressStream(stream, &to, &from)
        offset = unsafe from.pos
        count = unsafe to.pos
      }
    }
    status = code
    return piece
  }
}
