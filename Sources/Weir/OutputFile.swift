internal import Foundation

/// A file that an answer is written to while it comes. Under its own name it is whole or not there.
final class OutputFile {
  private let path: String?
  private let handle: FileHandle
  private var failure: String?

  private static func part(of path: String) -> String { path + ".part" }

  /// Opens `PATH.part`, or standard output when `path` is nil.
  init(_ path: String?) throws(CommandFailure) {
    self.path = path
    guard let path else {
      handle = .standardOutput
      return
    }
    let part = Self.part(of: path)
    guard FileManager.default.createFile(atPath: part, contents: nil),
      let opened = FileHandle(forWritingAtPath: part)
    else { throw .failed("cannot write \(part)") }
    handle = opened
  }

  /// Writes a piece; false when that failed, which `finish` then tells.
  func write(_ bytes: [UInt8]) -> Bool {
    do {
      try handle.write(contentsOf: Data(bytes))
      return true
    } catch {
      failure = error.localizedDescription
      return false
    }
  }

  /// Whether a piece could not be written.
  var isBroken: Bool { failure != nil }

  /// Removes what was written.
  func discard() {
    guard let path else { return }
    try? handle.close()
    try? FileManager.default.removeItem(atPath: Self.part(of: path))
  }

  /// Puts the file in its place.
  func finish() throws(CommandFailure) {
    guard let path else { return }
    do {
      if let failure { throw CommandFailure.failed("cannot write \(path): \(failure)") }
      try handle.synchronize()
      try handle.close()
      if FileManager.default.fileExists(atPath: path) {
        try FileManager.default.removeItem(atPath: path)
      }
      try FileManager.default.moveItem(atPath: Self.part(of: path), toPath: path)
    } catch let error as CommandFailure {
      discard()
      throw error
    } catch {
      discard()
      throw .failed("cannot write \(path): \(error.localizedDescription)")
    }
  }
}
