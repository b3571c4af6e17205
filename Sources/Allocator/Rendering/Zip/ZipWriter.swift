/// Writes a ZIP archive piece by piece (PKWARE APPNOTE 6.3.9), with ZIP64 where sizes ask for it.
///
/// Each file is whole when it is added, so its sizes stand in front of it and nothing is patched
/// afterwards. Times are fixed (1980-01-01): equal files give equal archives. Memory: the directory, some
/// hundred bytes a file, until the end.
struct ZipWriter {
  private var offset: UInt64 = 0
  private var count: UInt64 = 0
  private var directory: [UInt8] = []
  private static let large: UInt64 = 0xFFFF_FFFF
  /// 1980-01-01, the first day of the format.
  private static let date: UInt16 = 0x21

  /// A file with its header in front. `name` has forward slashes and is at most 65535 bytes; the file
  /// is below 4 GiB. `isPacked` says that the bytes do not get smaller (PDF).
  mutating func file(
    _ name: String, _ bytes: [UInt8], isPacked: Bool
  ) throws(Deflater.Failure) -> [UInt8] {
    precondition(UInt64(bytes.count) < Self.large && name.utf8.count <= 0xFFFF)
    let body = isPacked ? bytes : try Deflater.deflate(bytes)
    var common = LittleEndian()
    // Bit 11: the name is UTF-8.
    common.add16(0x0800)
    common.add16(isPacked ? 0 : 8)
    common.add16(0)
    common.add16(Self.date)
    common.add32(Deflater.crc(bytes))
    common.add32(UInt32(body.count))
    common.add32(UInt32(bytes.count))
    common.add16(UInt16(name.utf8.count))
    var piece = LittleEndian()
    piece.add32(0x0403_4B50)
    piece.add16(20)
    piece.bytes += common.bytes
    piece.add16(0)
    piece.bytes += Array(name.utf8) + body
    note(name, common.bytes)
    offset += UInt64(piece.bytes.count)
    return piece.bytes
  }

  /// Adds the file to the directory.
  private mutating func note(_ name: String, _ common: [UInt8]) {
    let isFar = offset >= Self.large
    var entry = LittleEndian()
    entry.add32(0x0201_4B50)
    // Made by version 3.0 on Unix.
    entry.add16(0x031E)
    entry.add16(isFar ? 45 : 20)
    entry.bytes += common
    entry.add16(isFar ? 12 : 0)
    entry.add16(0)
    entry.add16(0)
    entry.add16(0)
    entry.add32(0o100644 << 16)
    entry.add32(UInt32(min(offset, Self.large)))
    entry.bytes += Array(name.utf8)
    if isFar {
      entry.add16(1)
      entry.add16(8)
      entry.add64(offset)
    }
    directory += entry.bytes
    count += 1
  }

  /// The directory, which ends the archive.
  func finish() -> [UInt8] {
    let size = UInt64(directory.count)
    var end = LittleEndian()
    end.bytes = directory
    if count >= 0xFFFF || offset >= Self.large || size >= Self.large {
      end.add32(0x0606_4B50)
      end.add64(44)
      end.add16(45)
      end.add16(45)
      end.add32(0)
      end.add32(0)
      end.add64(count)
      end.add64(count)
      end.add64(size)
      end.add64(offset)
      end.add32(0x0706_4B50)
      end.add32(0)
      end.add64(offset + size)
      end.add32(1)
    }
    end.add32(0x0605_4B50)
    end.add16(0)
    end.add16(0)
    end.add16(UInt16(min(count, 0xFFFF)))
    end.add16(UInt16(min(count, 0xFFFF)))
    end.add32(UInt32(min(size, Self.large)))
    end.add32(UInt32(min(offset, Self.large)))
    end.add16(0)
    return end.bytes
  }
}

/// Numbers as bytes, the lowest first.
private struct LittleEndian {
  var bytes: [UInt8] = []

  mutating func add16(_ value: UInt16) { add(UInt64(value), 2) }
  mutating func add32(_ value: UInt32) { add(UInt64(value), 4) }
  mutating func add64(_ value: UInt64) { add(value, 8) }

  private mutating func add(_ value: UInt64, _ count: Int) {
    for shift in 0..<count { bytes.append(UInt8(truncatingIfNeeded: value >> (shift * 8))) }
  }
}
