/// Why a command did not do what was asked: what failed, and what to do next.
struct CommandFailure: Error, CustomStringConvertible {
  /// What failed.
  let message: String
  /// What to do next; may be empty.
  let hint: String
  /// The exit code.
  let exitCode: Int32

  /// A refusal or failure.
  static func failed(_ message: String, hint: String = "") -> CommandFailure {
    CommandFailure(message: message, hint: hint, exitCode: 1)
  }

  /// The allocator was not reached.
  static func unreachable(_ message: String, hint: String) -> CommandFailure {
    CommandFailure(message: message, hint: hint, exitCode: 3)
  }

  /// What failed, and what to do next on a line of its own.
  var description: String { hint.isEmpty ? message : "\(message)\n  \(hint)" }
}
