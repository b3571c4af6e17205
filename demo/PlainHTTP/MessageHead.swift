/// A request or response head: the start line in words, and the fields in order.
public struct MessageHead: Sendable {
  /// The start line's three parts, as they came: `GET /x HTTP/1.1` or `HTTP/1.1 200 OK`.
  public let start: [String]
  /// Field names in lower case with their trimmed values, in the order of arrival.
  public let fields: [Field]

  /// One field line.
  public struct Field: Sendable, Equatable {
    /// Lower case.
    public let name: String
    /// Without white space around it.
    public let value: String
  }

  /// Parses a head that ends with its empty line.
  public init(_ bytes: [UInt8]) throws(SocketError) {
    let lines = String(decoding: bytes, as: UTF8.self).utf8.split(separator: 0x0A)
      .map { $0.last == 0x0D ? $0.dropLast() : $0 }
    guard let first = lines.first else { throw .malformed("empty head") }
    start = first.split(separator: 0x20, maxSplits: 2).map { String(Substring($0)) }
    guard start.count >= 2 else { throw .malformed("start line") }
    var parsed: [Field] = []
    for line in lines.dropFirst() where !line.isEmpty {
      guard let colon = line.firstIndex(of: 0x3A) else { throw .malformed("field without colon") }
      parsed.append(
        Field(
          name: String(Substring(line[..<colon])).lowercased(),
          value: Self.trimmed(line[line.index(after: colon)...])))
    }
    fields = parsed
  }

  /// The value of the first field of that lower-case name.
  public func value(_ name: String) -> String? { fields.first { $0.name == name }?.value }

  /// True when a comma list of that name holds the token, whatever its case.
  public func contains(_ token: String, in name: String) -> Bool {
    fields.contains { field in
      field.name == name
        && field.value.utf8.split(separator: 0x2C).contains {
          Self.trimmed($0).lowercased() == token
        }
    }
  }

  private static func trimmed(_ text: Substring.UTF8View) -> String {
    var slice = text
    while let byte = slice.first, byte == 0x20 || byte == 0x09 { slice = slice.dropFirst() }
    while let byte = slice.last, byte == 0x20 || byte == 0x09 { slice = slice.dropLast() }
    return String(Substring(slice))
  }
}
