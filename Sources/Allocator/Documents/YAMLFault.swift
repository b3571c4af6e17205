internal import Yams

/// What the YAML parser says, in one line.
enum YAMLFault {
  /// One line with the place of the fault.
  static func line(_ error: any Error) -> String {
    guard let fault = error as? YamlError else { return "\(error)" }
    switch fault {
    case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
      .composer(_, let problem, let mark, _):
      return "\(problem) (line \(mark.line), column \(mark.column))"
    case .duplicatedKeysInMapping(let duplicates, _):
      let names = duplicates.map { "\"\($0)\"" }
      return "a key stands twice: \(names.joined(separator: ", "))"
    default:
      return "\(fault)".split(separator: "\n").joined(separator: " ")
    }
  }
}
