/// Everything that is wrong with a policy document.
public struct PolicyFaults: Error, Hashable, Sendable {
  /// The faults in the order of the document; never empty.
  public let faults: [PolicyFault]

  /// Faults; a caller that parses the document uses this for what its parser refuses.
  public init(faults: [PolicyFault]) {
    precondition(!faults.isEmpty, "no faults is not an error")
    self.faults = faults
  }
}

/// One thing that is wrong with a policy document.
public struct PolicyFault: Hashable, Sendable {
  /// Where, for example `pools[2].method.drivers[0]`; empty for the whole document.
  public let path: String
  /// The line of the document, from 1; 0 when unknown.
  public let line: Int
  /// What is wrong.
  public let reason: String

  /// A fault.
  public init(path: String, line: Int, reason: String) {
    self.path = path
    self.line = line
    self.reason = reason
  }
}

extension PolicyFault: CustomStringConvertible {
  /// One line for an operator.
  public var description: String {
    let place = path.isEmpty ? "policy" : path
    return line > 0 ? "\(place): \(reason) (line \(line))" : "\(place): \(reason)"
  }
}

extension PolicyFaults: CustomStringConvertible {
  /// One line a fault.
  public var description: String { faults.map(\.description).joined(separator: "\n") }
}
