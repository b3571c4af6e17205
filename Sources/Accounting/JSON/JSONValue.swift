/// A JSON value. Numbers keep their text, and objects keep the order of their keys.
public indirect enum JSONValue: Hashable, Sendable {
  /// `null`.
  case null
  /// `true` or `false`.
  case bool(Bool)
  /// A number, as written.
  case number(String)
  /// A string, unescaped.
  case string(String)
  /// A list.
  case array([JSONValue])
  /// Members in the order of the text; keys are unique.
  case object([Member])

  /// One key of an object with its value.
  public struct Member: Hashable, Sendable {
    /// The key, unescaped.
    public let key: String
    /// The value.
    public let value: JSONValue

    /// A member of an object.
    public init(_ key: String, _ value: JSONValue) {
      self.key = key
      self.value = value
    }
  }

  /// The value under a key of an object; `nil` for other kinds and unknown keys.
  public subscript(key: String) -> JSONValue? {
    guard case .object(let members) = self else { return nil }
    return members.first { $0.key == key }?.value
  }

  /// The string, when this is one.
  public var asString: String? {
    guard case .string(let text) = self else { return nil }
    return text
  }

  /// The whole number, when this is one that fits.
  public var asInteger: Int64? {
    guard case .number(let text) = self else { return nil }
    return Int64(text)
  }

  /// The elements, when this is a list.
  public var asArray: [JSONValue]? {
    guard case .array(let elements) = self else { return nil }
    return elements
  }

  /// A number from a whole number.
  public static func integer(_ value: some BinaryInteger) -> JSONValue {
    .number(String(value))
  }

  /// A string, or `null`.
  public static func text(_ value: String?) -> JSONValue {
    value.map { .string($0) } ?? .null
  }
}
