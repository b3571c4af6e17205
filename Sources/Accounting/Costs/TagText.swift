/// The text form of tags: one flat JSON object.
///
/// Values may be strings, numbers (kept as written), `true` and `false` (kept as words; FOCUS writes a
/// key without a value as `true`) or `null` (an empty value). Lists and objects are refused.
public enum TagText {
  /// Reads tags. Throws `malformedJSON`.
  public static func parse(_ text: String) throws(AccountingError) -> [String: String] {
    guard case .object(let members) = try JSONValue(parsing: Array(text.utf8)) else {
      throw .malformedJSON(offset: 0, reason: "tags are a JSON object")
    }
    var tags: [String: String] = [:]
    for member in members {
      switch member.value {
      case .string(let value), .number(let value): tags[member.key] = value
      case .bool(let value): tags[member.key] = value ? "true" : "false"
      case .null: tags[member.key] = ""
      case .array, .object:
        throw .malformedJSON(offset: 0, reason: "the value of tag \"\(member.key)\" is not flat")
      }
    }
    return tags
  }

  /// Writes tags as canonical JSON with keys in byte order; `{}` for none.
  public static func format(_ tags: [String: String]) -> String {
    let members = tags.sorted { KeyOrder.precedes($0.key, $1.key) }
      .map { JSONValue.Member($0.key, .string($0.value)) }
    return JSONValue.object(members).canonicalText
  }
}
