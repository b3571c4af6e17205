import Foundation

/// Example messages of `Tests/HTTPCodecTests/Corpus`: `request-*.bin`, `response-*.bin`, `chunked-*.bin`.
public enum CorpusFiles {
  /// The bytes of every file whose name begins with `kind` and a dash, in the order of the names.
  public static func all(_ kind: String) throws -> [[UInt8]] {
    let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "HTTPCodecTests/Corpus")
    let files = try FileManager.default.contentsOfDirectory(
      at: folder, includingPropertiesForKeys: nil)
    return try files.filter { $0.lastPathComponent.hasPrefix("\(kind)-") }
      .sorted { $0.lastPathComponent < $1.lastPathComponent }
      .map { Array(try Data(contentsOf: $0)) }
  }
}
