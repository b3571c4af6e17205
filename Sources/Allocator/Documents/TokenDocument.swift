public import Accounting
public import Store

/// Tokens as JSON: the API's answers, and what `weir` prints offline.
public enum TokenDocument {
  /// A token without its secret.
  public static func json(_ token: Token) -> JSONValue {
    .object(members(token))
  }

  /// A token just made, with its secret, this once.
  public static func json(_ made: NewToken) -> JSONValue {
    .object(members(made.token) + [.init("secret", .string(made.secret))])
  }

  /// Whether this may be a token's name: 1 to 64 printable ASCII characters, with no blank at either
  /// end, so that two names that look alike are the same.
  public static func isName(_ name: String) -> Bool {
    (1...64).contains(name.utf8.count) && name.utf8.allSatisfy { (0x20...0x7E).contains($0) }
      && !name.hasPrefix(" ") && !name.hasSuffix(" ")
  }

  private static func members(_ token: Token) -> [JSONValue.Member] {
    let created = UTCInstant(microseconds: token.createdAtMicroseconds)
    let revoked = token.revokedAtMicroseconds.map { UTCInstant(microseconds: $0).description }
    return [
      .init("id", .string(token.id)), .init("name", .string(token.name)),
      .init("role", .string(token.role.rawValue)), .init("tenant", .text(token.tenant)),
      .init("created_by", .text(token.maker)),
      .init("created_at", .string(created.description)), .init("revoked_at", .text(revoked)),
    ]
  }
}
