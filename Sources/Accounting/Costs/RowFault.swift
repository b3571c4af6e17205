/// Why a row of a cost file was not taken. Such a row is quarantined, never dropped.
public struct RowFault: Hashable, Sendable {
  /// One thing that is wrong with a row.
  public struct Problem: Hashable, Sendable {
    /// The column; `nil` when the row as a whole is broken.
    public let column: String?
    /// What is wrong, as a phrase.
    public let reason: String
    /// The text that was found, cut to 80 characters; `nil` when the row as a whole is broken.
    public let value: String?

    /// A problem.
    public init(column: String?, reason: String, value: String?) {
      self.column = column
      self.reason = reason
      self.value = value
    }
  }

  /// The line on which the row begins; the header is line 1.
  public let line: Int
  /// Everything that is wrong with it, in the order of the checks; never empty.
  public let problems: [Problem]
  /// The period whose bill it is in; `nil` when the row does not tell.
  public let period: Period?

  /// A fault of the row on a line.
  public init(line: Int, problems: [Problem], period: Period? = nil) {
    precondition(!problems.isEmpty, "a fault has a problem")
    self.period = period
    self.line = line
    self.problems = problems
  }
}

extension RowFault: CustomStringConvertible {
  /// One line for an operator.
  public var description: String {
    let texts = problems.map { problem in
      let column = problem.column.map { "\($0): " } ?? ""
      let value = problem.value.map { " (found \"\($0)\")" } ?? ""
      return column + problem.reason + value
    }
    return "line \(line): " + texts.joined(separator: "; ")
  }
}
