import Glibc

/// Whole small files of text.
public enum TextFile {
  /// Writes beside the target and renames, so that a reader sees the whole text or none.
  public static func write(_ text: String, to path: String) throws(SocketError) {
    let temporary = "\(path).\(getpid()).tmp"
    let descriptor = openForWriting(temporary)
    guard descriptor >= 0 else { throw SocketError.current("open \(temporary)") }
    defer { close(descriptor) }
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      // Safe: the buffer is the slice's own storage and its count bounds the write.
      let written = unsafe rest.withUnsafeBytes { buffer in
        unsafe Glibc.write(descriptor, buffer.baseAddress, buffer.count)
      }
      guard written > 0 else { throw SocketError.current("write \(temporary)") }
      rest = rest.dropFirst(written)
    }
    // Safe: both paths are C strings for the length of the call.
    guard unsafe rename(temporary, path) == 0 else { throw SocketError.current("rename \(path)") }
  }

  /// The whole file, or nil when it cannot be opened.
  public static func read(_ path: String) -> [UInt8]? {
    // Safe: the path is a C string for the length of the call.
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 65_536)
    while true {
      // Safe: the block's count bounds the read.
      let count = unsafe Glibc.read(descriptor, &block, block.count)
      guard count > 0 else { return bytes }
      bytes += block[..<count]
    }
  }

  private static func openForWriting(_ path: String) -> Int32 {
    // Safe: the path is a C string for the length of the call.
    unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
  }
}
