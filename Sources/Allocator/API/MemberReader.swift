internal import Accounting
internal import Digest

/// Reads the members of a JSON body once each, and refuses those that nobody asked for.
struct MemberReader {
  private let body: JSONValue
  private var read: Set<String> = []

  /// A reader of an object.
  init(_ body: JSONValue) {
    self.body = body
  }

  /// `true` or `false`; false when it is not there.
  mutating func flag(_ key: String) throws(APIError) -> Bool {
    switch take(key) {
    case nil, .bool(false): return false
    case .bool(true): return true
    default: throw .invalid(what: "\(key) must be true or false")
    }
  }

  /// A text, or nil when it is not there.
  mutating func text(_ key: String) throws(APIError) -> String? {
    guard let value = take(key), value != .null else { return nil }
    guard let text = value.asString else { throw .invalid(what: "\(key) must be a text") }
    return text
  }

  /// A text that must be there.
  mutating func needed(_ key: String) throws(APIError) -> String {
    guard let text = try text(key), !text.isEmpty else {
      throw .invalid(what: "\(key) is missing")
    }
    return text
  }

  /// A list of texts; empty when it is not there.
  mutating func texts(_ key: String) throws(APIError) -> [String] {
    guard let value = take(key) else { return [] }
    guard let elements = value.asArray else { throw .invalid(what: "\(key) must be a list") }
    let texts = elements.compactMap(\.asString)
    guard texts.count == elements.count else { throw .invalid(what: "\(key) must list texts") }
    return texts
  }

  /// A whole number, or nil when it is not there.
  mutating func number(_ key: String, in range: ClosedRange<Int64>) throws(APIError) -> Int64? {
    guard let value = take(key), value != .null else { return nil }
    guard let number = value.asInteger, range.contains(number) else {
      throw .invalid(
        what: "\(key) must be a whole number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  /// A period that must be there.
  mutating func period(_ key: String) throws(APIError) -> Period {
    let text = try needed(key)
    do {
      return try Period(parsing: text)
    } catch {
      throw .invalid(what: "\(key): \(error)")
    }
  }

  /// A digest that must be there.
  mutating func digest(_ key: String) throws(APIError) -> Digest256 {
    guard let digest = Digest256(hex: try needed(key)) else {
      throw .invalid(what: "\(key) must be 64 hexadecimal digits")
    }
    return digest
  }

  /// `amount`, a decimal text of at most six digits, with `currency`.
  mutating func money() throws(APIError) -> Money {
    let text = try needed("amount")
    let code = try needed("currency")
    guard let currency = Currency(code: code) else {
      throw .invalid(what: "unknown currency \"\(code.prefix(8))\"")
    }
    guard let amount = try? Amount(parsing: text), let micros = try? amount.roundedToMicros(),
      Amount(micros: micros) == amount
    else { throw .invalid(what: "amount must be a decimal of at most six fraction digits") }
    return Money(micros: micros, currency: currency)
  }

  /// Throws `invalid` for members that nobody asked for.
  func checkAllRead() throws(APIError) {
    guard case .object(let members) = body else { throw .invalid(what: "an object is expected") }
    for member in members where !read.contains(member.key) {
      throw .invalid(what: "unknown key \"\(member.key)\"")
    }
  }

  private mutating func take(_ key: String) -> JSONValue? {
    read.insert(key)
    return body[key]
  }
}
