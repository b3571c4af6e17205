internal import Accounting
internal import Foundation

/// What goes to the terminal: plain text, no colours, so NO_COLOR has nothing to turn off.
enum Output {
  /// Writes a line to standard error.
  static func complain(_ line: String) {
    FileHandle.standardError.write(Data((line + "\n").utf8))
  }

  /// Writes bytes to a file, or to standard output when `path` is nil.
  static func write(_ bytes: [UInt8], to path: String?) throws(CommandFailure) {
    guard let path else {
      FileHandle.standardOutput.write(Data(bytes))
      return
    }
    do {
      try Data(bytes).write(to: URL(fileURLWithPath: path), options: .atomic)
    } catch {
      throw .failed("cannot write \(path): \(error.localizedDescription)")
    }
  }

  /// A JSON answer as it came, with a line end.
  static func json(_ value: JSONValue) {
    print(value.canonicalText)
  }
}
