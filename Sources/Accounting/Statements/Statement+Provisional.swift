extension Statement {
  /// The version of a statement that was made at a soft close. Nothing of it is posted.
  public static let provisionalVersion: UInt32 = 0

  /// Whether the period was not closed yet: amounts may change, and the ledger has none of them.
  public var isProvisional: Bool { version == Self.provisionalVersion }
}
