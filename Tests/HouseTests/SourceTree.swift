import Foundation

/// The tree that these tests read, found from this file's own place.
enum SourceTree {
  static let root = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// The text of a file, by its path from the root.
  static func text(_ path: String) throws -> String {
    try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
  }

  static func exists(_ path: String) -> Bool {
    FileManager.default.fileExists(atPath: root.appendingPathComponent(path).path)
  }

  /// Paths from the root of all files below a folder with one of these endings, sorted.
  static func files(below folder: String, endings: [String]) -> [String] {
    let base = root.appendingPathComponent(folder).path
    let paths = FileManager.default.subpaths(atPath: base) ?? []
    return paths.filter { path in endings.contains { path.hasSuffix($0) } }
      .map { "\(folder)/\($0)" }
      .sorted()
  }

  /// Names of the folders directly below a folder.
  static func folders(in folder: String) throws -> [String] {
    let contents = try FileManager.default.contentsOfDirectory(
      at: root.appendingPathComponent(folder), includingPropertiesForKeys: [.isDirectoryKey])
    return
      try contents
      .filter { try $0.resourceValues(forKeys: [.isDirectoryKey]).isDirectory == true }
      .map(\.lastPathComponent)
      .sorted()
  }
}
