import Foundation
import HTTPClient

/// A field of a request, by the client's name.
typealias HTTPField = HTTPRequest.Field

/// Files of the repository that tests hold to their word.
enum Repository {
  /// A file's bytes, by its path from the root.
  static func bytes(_ path: String) throws -> [UInt8] {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    return [UInt8](try Data(contentsOf: root.appendingPathComponent(path)))
  }

  /// A file's text.
  static func text(_ path: String) throws -> String {
    String(decoding: try bytes(path), as: UTF8.self)
  }

  /// Codes in the table of errors, as its source has them.
  static var errorCodes: [String] {
    guard let source = try? text("Sources/Allocator/API/APIError.swift") else { return ["none"] }
    return source.split(separator: "code: \"").dropFirst().map { part in
      String(part.prefix { $0 != "\"" })
    }
  }
}
