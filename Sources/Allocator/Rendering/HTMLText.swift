/// Text made safe for HTML, in content and in attributes.
enum HTMLText {
  /// The text with `&`, `<`, `>`, quotes and what hides text replaced.
  static func escaped(_ text: String) -> String {
    var escaped = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": escaped += "&amp;"
      case "<": escaped += "&lt;"
      case ">": escaped += "&gt;"
      case "\"": escaped += "&quot;"
      case "'": escaped += "&#39;"
      default: escaped.unicodeScalars.append(VisibleText.isHidden(scalar) ? "\u{FFFD}" : scalar)
      }
    }
    return escaped
  }
}
