internal import CZstd
internal import Foundation

/// Statements as they are stored: in a zstd frame (RFC 8878), which makes them about a tenth. Their digests are
/// over what is in it. A document that begins with `{` is one of a store of format 2 and stands as it is.
enum PackedDocument {
  /// Bound: a frame holds at most so many bytes; a longer document stands as it is.
  private static let bytesMax = 256 << 20
  /// What a frame begins with.
  private static let mark: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD]
  private static let level: Int32 = 1

  /// The frame of some bytes, which tells their number; the bytes themselves when they are more than `max`.
  static func pack(_ bytes: [UInt8], max: Int = bytesMax) -> [UInt8] {
    guard bytes.count <= max else { return bytes }
    let room = ZSTD_compressBound(bytes.count)
    return unsafe [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
      // Safe: both buffers are live and have the given sizes; with that room it fails only without memory.
      let written = unsafe bytes.withUnsafeBytes { source in
        unsafe ZSTD_compress(buffer.baseAddress, room, source.baseAddress, source.count, level)
      }
      precondition(ZSTD_isError(written) == 0, "zstd has no memory")
      count = written
    }
  }

  /// The bytes of a stored document; throws `malformed` when it was damaged.
  static func unpack(_ stored: Data) throws(StoreError) -> [UInt8] {
    let frame = [UInt8](stored)
    guard frame.starts(with: mark) else { return frame }
    // Safe: the buffer is live and has the given size.
    let size = unsafe frame.withUnsafeBytes { source in
      unsafe ZSTD_getFrameContentSize(source.baseAddress, source.count)
    }
    // Unknown sizes and errors are the largest numbers.
    guard size <= UInt64(bytesMax) else { throw damaged }
    var isWhole = false
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: Int(size)) { buffer, count in
      // Safe: as above, and no more than the room is written.
      let read = unsafe frame.withUnsafeBytes { source in
        unsafe ZSTD_decompress(buffer.baseAddress, Int(size), source.baseAddress, source.count)
      }
      isWhole = ZSTD_isError(read) == 0 && read == Int(size)
      count = isWhole ? Int(size) : 0
    }
    guard isWhole else { throw damaged }
    return bytes
  }

  /// The bytes of a stored document, and of a damaged one those that are stored: for a digest, which is then
  /// another than it was.
  static func whateverIsThere(_ stored: Data) -> [UInt8] {
    (try? unpack(stored)) ?? [UInt8](stored)
  }

  private static let damaged = StoreError.malformed(
    table: "statement", reason: "the document was changed or cut off")
}
