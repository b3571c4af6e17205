/// Text made safe for HTML, in content and in attributes.
enum HTMLText {
  /// The text with `&`, `<`, `>`, quotes and control characters replaced.
  static func escaped(_ text: String) -> String {
    var escaped = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": escaped += "&amp;"
      case "<": escaped += "&lt;"
      case ">": escaped += "&gt;"
      case "\"": escaped += "&quot;"
      case "'": escaped += "&#39;"
      default:
        // Controls and direction marks could hide what a reader is shown.
        let isHidden =
          scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
          || (0x202A...0x202E).contains(scalar.value) || (0x2066...0x2069).contains(scalar.value)
        escaped.unicodeScalars.append(isHidden ? "\u{FFFD}" : scalar)
      }
    }
    return escaped
  }
}
