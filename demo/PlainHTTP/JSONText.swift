/// Writes the small JSON documents of the demo: objects with keys in the order given.
public enum JSONText {
  /// `text` as a JSON string with its quotes.
  public static func string(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case _ where scalar.value < 0x20 || scalar.value == 0x7F:
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }

  /// An object whose values are JSON text already; nested objects are indented by the caller's `level`.
  public static func object(_ members: [(String, String)], level: Int = 0) -> String {
    guard !members.isEmpty else { return "{}" }
    let inner = String(repeating: "  ", count: level + 1)
    let lines = members.map { "\(inner)\(string($0.0)): \($0.1)" }
    return "{\n" + lines.joined(separator: ",\n") + "\n" + String(repeating: "  ", count: level)
      + "}"
  }

  /// An object of numbers on one line.
  public static func counts(_ members: [(String, UInt64)]) -> String {
    "{" + members.map { "\(string($0.0)): \($0.1)" }.joined(separator: ", ") + "}"
  }
}
