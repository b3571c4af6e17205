/// Why a test tool gave up.
public enum TestSupportError: Error, Equatable, CustomStringConvertible {
  /// Something did not happen in time; the text says what was awaited and what was seen instead.
  case timedOut(String)
  /// A process could not be started or found.
  case process(String)
  /// A file or directory could not be made.
  case file(String)

  /// One line for a test report.
  public var description: String {
    switch self {
    case .timedOut(let what): "timed out: \(what)"
    case .process(let what), .file(let what): what
    }
  }
}
