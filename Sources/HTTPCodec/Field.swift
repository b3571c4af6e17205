/// One field line of a head or trailer block.
public struct Field: Sendable, Equatable {
  /// The name, a token, as it was sent.
  public var name: ByteRange

  /// The value without the white space around it; may be empty.
  public var value: ByteRange

  /// Which field it is, if it is one that Weir knows.
  public var known: KnownField

  /// Whether the Connection field names it: it is meant for this hop and must not be passed on.
  public var isConnectionOption = false

  /// Whether the name holds a byte other than letters, digits and `-`, such as `_`.
  ///
  /// Gateways fold such names (`a_b` and `a-b` become one variable), so a listener may refuse or drop
  /// them. One that could be taken for a field of framing or identity never gets here: it is a fault.
  public var isOddlySpelled = false

  /// Whether it may not be in a trailer block (RFC 9110 §6.5.1): a proxy drops it there.
  public var isForbiddenInTrailers: Bool { known.isForbiddenInTrailers }
}
