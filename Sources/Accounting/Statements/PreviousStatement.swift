/// What a statement is compared with: the amounts of the tenant's last one, line by line.
public struct PreviousStatement: Hashable, Sendable {
  /// One line's amount.
  public struct Line: Hashable, Sendable {
    /// The pool.
    public let pool: String
    /// The route; `nil` when the amount has none.
    public let route: String?
    /// The amount, in micro-units.
    public let micros: Int64

    /// A line.
    public init(pool: String, route: String?, micros: Int64) {
      self.pool = pool
      self.route = route
      self.micros = micros
    }
  }

  /// The version of that statement.
  public let version: UInt32
  /// Its total.
  public let total: Money
  /// Its lines, in its order.
  public let lines: [Line]

  /// The amounts of a statement.
  public init(version: UInt32, total: Money, lines: [Line]) {
    self.version = version
    self.total = total
    self.lines = lines
  }

  /// The amounts of a statement.
  public init(_ statement: Statement) {
    self.init(
      version: statement.version, total: statement.total, lines: statement.amounts)
  }
}

extension Statement {
  /// Its lines as the next period's statement compares them.
  public var amounts: [PreviousStatement.Line] {
    lines.map { .init(pool: $0.pool, route: $0.route, micros: $0.amount.micros) }
  }
}

/// The short form in which a store keeps a statement's amounts beside its document: a JSON array of
/// `[pool, route or null, micro-units as text]`.
public enum StatementAmounts {
  /// The bytes of these lines.
  public static func bytes(_ lines: [PreviousStatement.Line]) -> [UInt8] {
    JSONValue.array(
      lines.map { line in
        .array([.string(line.pool), .text(line.route), .string(String(line.micros))])
      }
    ).canonicalBytes
  }

  /// The lines of these bytes; throws `malformedStatement`, or `malformedJSON`.
  public static func lines(
    _ bytes: [UInt8]
  ) throws(AccountingError) -> [PreviousStatement.Line] {
    guard let elements = try JSONValue(parsing: bytes).asArray else {
      throw .malformedStatement(reason: "amounts are not a list")
    }
    var lines: [PreviousStatement.Line] = []
    lines.reserveCapacity(elements.count)
    for element in elements {
      guard let parts = element.asArray, parts.count == 3, let pool = parts[0].asString,
        parts[1] == .null || parts[1].asString != nil,
        let micros = parts[2].asString.flatMap({ Int64($0) })
      else { throw .malformedStatement(reason: "amounts[\(lines.count)] is not a line") }
      lines.append(.init(pool: pool, route: parts[1].asString, micros: micros))
    }
    return lines
  }
}
