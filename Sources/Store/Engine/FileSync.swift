internal import Foundation

/// Brings a file to disk before anyone relies on it.
enum FileSync {
  /// Flushes the file's content to its device.
  static func file(at path: String) throws {
    let handle = try FileHandle(forUpdating: URL(fileURLWithPath: path))
    defer { try? handle.close() }
    try handle.synchronize()
  }
}
