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
    for member in members { tags[member.key] = try value(member.value, of: member.key) }
    return tags
  }

  /// Reads tags in one of the forms of other sources. Throws `malformedJSON`.
  static func parse(
    _ text: String, as format: ColumnMap.TagFormat
  ) throws(AccountingError) -> [String: String] {
    switch format {
    case .json:
      let start = text.utf8.first { $0 != 0x20 }
      return try parse(start == UInt8(ascii: "{") ? text : "{\(text)}")
    case .keyValueList: return try list(text)
    case .pairs: return try pairs(text)
    }
  }

  private static func value(
    _ value: JSONValue, of key: String
  ) throws(AccountingError) -> String {
    switch value {
    case .string(let text), .number(let text): return text
    case .bool(let isTrue): return isTrue ? "true" : "false"
    case .null: return ""
    case .array, .object:
      throw .malformedJSON(offset: 0, reason: "the value of tag \"\(key)\" is not flat")
    }
  }

  private static func list(_ text: String) throws(AccountingError) -> [String: String] {
    guard let entries = try JSONValue(parsing: Array(text.utf8)).asArray else {
      throw .malformedJSON(offset: 0, reason: "tags are a list here")
    }
    var tags: [String: String] = [:]
    for entry in entries {
      guard let key = entry["key"]?.asString else {
        throw .malformedJSON(offset: 0, reason: "an entry without a key")
      }
      tags[key] = try value(entry["value"] ?? .null, of: key)
    }
    return tags
  }

  private static func pairs(_ text: String) throws(AccountingError) -> [String: String] {
    var tags: [String: String] = [:]
    for part in text.split(whereSeparator: { $0 == ";" || $0 == "," }) {
      let pair = part.split(maxSplits: 1, omittingEmptySubsequences: false) {
        $0 == "=" || $0 == ":"
      }
      let key = trimmed(pair[0])
      guard pair.count == 2, !key.isEmpty else {
        throw .malformedJSON(offset: 0, reason: "\"\(part.prefix(40))\" is not key=value")
      }
      tags[key] = trimmed(pair[1])
    }
    return tags
  }

  private static func trimmed(_ text: Substring) -> String {
    var rest = text.drop { $0 == " " }
    while rest.last == " " { rest.removeLast() }
    return String(rest)
  }

  /// Writes tags as canonical JSON with keys in byte order; `{}` for none.
  public static func format(_ tags: [String: String]) -> String {
    let sorted = tags.sorted { KeyOrder.precedes($0.key, $1.key) }
    var bytes: [UInt8] = [UInt8(ascii: "{")]
    for (key, value) in sorted {
      if bytes.count > 1 { bytes.append(UInt8(ascii: ",")) }
      JSONValue.write(key, to: &bytes)
      bytes.append(UInt8(ascii: ":"))
      JSONValue.write(value, to: &bytes)
    }
    bytes.append(UInt8(ascii: "}"))
    return String(decoding: bytes, as: UTF8.self)
  }
}
