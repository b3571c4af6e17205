/// `--name value` pairs of a command line, each name known beforehand.
public struct CommandOptions: Sendable {
  private var values: [String: String]

  /// What is wrong with a command line.
  public struct Fault: Error, CustomStringConvertible {
    /// One line for the terminal.
    public let description: String

    /// A fault in words.
    public init(_ description: String) { self.description = description }
  }

  /// Reads the arguments after the program's name; `defaults` lists every name that exists.
  public init(_ arguments: [String], defaults: [String: String]) throws(Fault) {
    values = defaults
    var rest = arguments.dropFirst()
    while let name = rest.popFirst() {
      let known = defaults.keys.sorted().map { "--\($0)" }.joined(separator: " ")
      guard name.hasPrefix("--"), defaults[String(name.dropFirst(2))] != nil else {
        throw Fault("unknown option \(name); known: \(known)")
      }
      guard let value = rest.popFirst() else {
        throw Fault("option \(name) needs a value")
      }
      values[String(name.dropFirst(2))] = value
    }
  }

  /// The text given for `name`, or its default.
  public func text(_ name: String) -> String {
    guard let value = values[name] else { preconditionFailure("option \(name) was not declared") }
    return value
  }

  /// The number given for `name`.
  public func number<Number: LosslessStringConvertible>(_ name: String) throws(Fault) -> Number {
    guard let value = Number(text(name)) else {
      throw Fault("option --\(name) needs a number, not \(text(name))")
    }
    return value
  }
}
