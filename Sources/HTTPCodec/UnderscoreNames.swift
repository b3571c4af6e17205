/// What becomes of a request field whose name holds `_`.
///
/// The proxy offers the same choice for each listener. Gateways to programs fold `_` and `-` into one, so
/// that `a_b` and `a-b` become one variable. Names that fold into one of framing, identity, trace or cost
/// hints are refused whatever is chosen here.
public enum UnderscoreNames: String, Sendable, CaseIterable {
  /// It passes like any other.
  case forward
  /// It is left out, as if it had not been sent.
  case drop
  /// The request is refused.
  case refuse
}

extension UnderscoreNames {
  /// Whether a field stays; throws when its request is refused. Only odd spellings are looked at.
  @inline(__always)
  func keeps(_ field: Field, in bytes: RawSpan) throws(HTTPFault) -> Bool {
    if !field.isOddlySpelled || self == .forward { return true }
    return try keepsOdd(field, in: bytes)
  }

  @inline(never)
  private func keepsOdd(_ field: Field, in bytes: RawSpan) throws(HTTPFault) -> Bool {
    for at in field.name.start..<field.name.end where bytes[at] == UInt8(ascii: "_") {
      if self == .refuse { throw HTTPFault(.fieldNameUnderscore, at: at) }
      return false
    }
    return true
  }
}
