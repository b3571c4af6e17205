internal import Accounting

/// Reads answers for printing: what is not there prints as a dash.
enum JSONText {
  /// A string, number or truth value under a key.
  static func text(_ value: JSONValue?, _ key: String) -> String { plain(value?[key]) }

  /// A single value as text.
  static func plain(_ value: JSONValue?) -> String {
    switch value {
    case .string(let text), .number(let text): text.isEmpty ? "-" : text
    case .bool(let isTrue): isTrue ? "yes" : "no"
    case .none, .null, .array, .object: "-"
    }
  }

  /// The elements under a key.
  static func list(_ value: JSONValue?, _ key: String) -> [JSONValue] {
    value?[key]?.asArray ?? []
  }
}
