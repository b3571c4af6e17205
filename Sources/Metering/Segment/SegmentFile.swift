import Platform

/// Names of segment files, and the way of their bytes to a disk.
enum SegmentFile {
  /// The ending of a segment.
  static let suffix = ".segment"
  /// The ending of one that is being written.
  static let temporarySuffix = ".tmp"
  /// The ending of one that could not be read.
  static let refusedSuffix = ".refused"

  /// The file of a worker's segment.
  static func name(worker: Int, sequence: UInt64) -> String { "\(worker)-\(sequence)\(suffix)" }

  /// Worker and sequence of a file's name, or nil.
  static func parse(_ name: String) -> (worker: Int, sequence: UInt64)? {
    guard name.hasSuffix(suffix) else { return nil }
    return numbers(name.dropLast(suffix.count))
  }

  /// The empty file whose name tells the newest sequence that a worker has begun.
  static func mark(worker: Int, sequence: UInt64) -> String { "mark-\(worker)-\(sequence)" }

  /// Worker and sequence of a mark's name, or nil.
  static func parseMark(_ name: String) -> (worker: Int, sequence: UInt64)? {
    guard name.hasPrefix("mark-") else { return nil }
    return numbers(name.dropFirst(5))
  }

  private static func numbers(_ text: Substring) -> (worker: Int, sequence: UInt64)? {
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count == 2, let worker = UInt16(parts[0]), let sequence = UInt64(parts[1]),
      sequence < UInt64.max,
      "\(worker)-\(sequence)" == text
    else { return nil }
    return (Int(worker), sequence)
  }

  /// Writes the used bytes of a segment under a temporary name, flushes and renames it. The folder is not
  /// flushed yet. On failure nothing is left, and the descriptor is not used again.
  static func write(
    _ memory: SegmentMemory, byteCount: Int, to path: String, syscalls: Syscalls
  ) throws(SystemError) {
    let temporary = path + temporarySuffix
    do throws(SystemError) {
      let fd = try syscalls.open(temporary, .create)
      do throws(SystemError) {
        try syscalls.writeAll(fd, memory.bytes(0, byteCount))
        try syscalls.fsync(fd)
      } catch {
        syscalls.close(fd)
        throw error
      }
      syscalls.close(fd)
      try syscalls.rename(temporary, to: path)
    } catch {
      try? syscalls.unlink(temporary)
      throw error
    }
  }
}
