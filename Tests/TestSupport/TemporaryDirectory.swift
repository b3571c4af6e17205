import Foundation
import Synchronization

/// A new empty directory that is removed, with everything in it, when the last reference goes.
public final class TemporaryDirectory: Sendable {
  /// Its absolute path.
  public let path: String

  /// Makes the directory under the system's temporary directory, or under `parent`, such as a memory file system.
  public init(under parent: String? = nil) throws(TestSupportError) {
    let name = "weir-test-\(getpid())-\(String(UInt64.random(in: 0...UInt64.max), radix: 36))"
    path = "\(parent ?? NSTemporaryDirectory())/\(name)".replacingOccurrences(of: "//", with: "/")
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    } catch {
      throw .file("cannot make \(path): \(error)")
    }
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// Has the directory removed when the process ends: for one that a constant holds, whose reference never goes.
  public func removeAtExit() {
    let isFirst = Self.leftToExit.withLock { paths in
      paths.append(path)
      return paths.count == 1
    }
    guard isFirst else { return }
    atexit {
      for path in TemporaryDirectory.leftToExit.withLock({ $0 }) {
        try? FileManager.default.removeItem(atPath: path)
      }
    }
  }

  private static let leftToExit = Mutex<[String]>([])

  /// The path of something inside.
  public func file(_ name: String) -> String { "\(path)/\(name)" }
}
