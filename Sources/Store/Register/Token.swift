/// What a bearer of a token may do.
public enum Role: String, Sendable, CaseIterable {
  /// Deliver batches, nothing else: what a proxy holds.
  case ingest
  /// Everything.
  case `operator`
  /// Read, change nothing.
  case reader
  /// Read the statements and the usage of one tenant, nothing else.
  case tenant
}

/// A token without its secret, which is known only to its bearer.
public struct Token: Sendable, Equatable {
  /// Eight hexadecimal digits; what revoking names.
  public var id: String
  /// Who holds it, as its maker called them: the actor of audit records.
  public var name: String
  /// What its bearer may do.
  public var role: Role
  /// For role `tenant`: whose statements and usage it reads; `nil` for all other roles.
  public var tenant: String?
  /// The name of the token by which it was made through the API; `nil` when it was made at the store.
  public var maker: String?
  /// When it was made, microseconds since 1970 UTC.
  public var createdAtMicroseconds: Int64
  /// When it was revoked, or nil.
  public var revokedAtMicroseconds: Int64?

  /// Whether its bearer may read what is this tenant's; whether it may read at all, its role says.
  public func maySee(tenant id: String) -> Bool { role != .tenant || tenant == id }
}

/// A token just made: the only time its secret is seen.
public struct NewToken: Sendable, Equatable {
  /// The token.
  public var token: Token
  /// `weir_` and 64 hexadecimal digits: 256 random bits. The store keeps only its SHA-256.
  public var secret: String
}
