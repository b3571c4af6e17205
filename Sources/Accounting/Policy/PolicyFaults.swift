/// Everything that is wrong with a policy document.
public struct PolicyFaults: Error, Hashable, Sendable {
  /// The faults in the order of the document; never empty.
  public let faults: [PolicyFault]
}

/// One thing that is wrong with a policy document.
public struct PolicyFault: Hashable, Sendable {
  /// Where, for example `pools[2].method.drivers[0]`; empty for the whole document.
  public let path: String
  /// The line of the document, from 1; 0 when unknown.
  public let line: Int
  /// What is wrong.
  public let reason: String
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
