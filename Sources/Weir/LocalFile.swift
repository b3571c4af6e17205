internal import Foundation

/// Files that the operator names.
enum LocalFile {
  /// The bytes of a file; throws a failure that names it.
  static func bytes(_ path: String) throws(CommandFailure) -> [UInt8] {
    do {
      return [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    } catch {
      throw .failed("cannot read \(path): \(error.localizedDescription)")
    }
  }

  /// The text of a file.
  static func text(_ path: String) throws(CommandFailure) -> String {
    guard let text = String(validating: try bytes(path), as: UTF8.self) else {
      throw .failed("\(path) is not UTF-8")
    }
    return text
  }

  /// Writes a secret to a new file that only its owner may read.
  static func writeSecret(_ text: String, to path: String) throws(CommandFailure) {
    guard !FileManager.default.fileExists(atPath: path) else {
      throw .failed("\(path) exists", hint: "a token is never written over another file")
    }
    let isMade = FileManager.default.createFile(
      atPath: path, contents: Data((text + "\n").utf8), attributes: [.posixPermissions: 0o600])
    guard isMade else { throw .failed("cannot write \(path)") }
  }
}
