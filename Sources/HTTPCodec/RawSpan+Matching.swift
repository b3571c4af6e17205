extension RawSpan {
  /// The bytes of `range`; traps when it is not inside the span.
  @_lifetime(copy self)
  public func bytes(of range: ByteRange) -> RawSpan {
    extracting(range.start..<range.end)
  }

  /// Whether `range` spells `text`, byte for byte.
  public func isEqual(_ range: ByteRange, to text: StaticString) -> Bool {
    // Safe: the literal lives as long as the program, and is lent for the call only.
    unsafe isEqual(
      range, to: RawSpan(_unsafeStart: text.utf8Start, byteCount: text.utf8CodeUnitCount))
  }

  /// Whether `range` spells `text`, byte for byte.
  public func isEqual(_ range: ByteRange, to text: RawSpan) -> Bool {
    guard range.count == text.byteCount, range.end <= byteCount else { return false }
    for at in 0..<range.count where self[range.start &+ at] != text[at] { return false }
    return true
  }

  /// Whether `range` spells `lowercase` when ASCII case is ignored. `lowercase` holds no upper-case letter.
  public func matches(_ range: ByteRange, lowercase: StaticString) -> Bool {
    // Safe: the literal lives as long as the program, and is lent for the call only.
    unsafe matches(
      range,
      lowercase: RawSpan(
        _unsafeStart: lowercase.utf8Start, byteCount: lowercase.utf8CodeUnitCount))
  }

  /// Whether `range` spells `lowercase` when ASCII case is ignored. `lowercase` holds no upper-case letter.
  public func matches(_ range: ByteRange, lowercase: [UInt8]) -> Bool {
    // Safe: a UInt8 has no padding that the raw bytes could show.
    unsafe matches(range, lowercase: lowercase.span.bytes)
  }

  /// Whether `range` spells `lowercase` when ASCII case is ignored. `lowercase` holds no upper-case letter.
  public func matches(_ range: ByteRange, lowercase: RawSpan) -> Bool {
    guard range.count == lowercase.byteCount, range.end <= byteCount else { return false }
    for at in 0..<range.count where self[range.start &+ at].asciiLowercased != lowercase[at] {
      return false
    }
    return true
  }

  /// Whether the two ranges spell the same when ASCII case is ignored.
  public func matches(_ range: ByteRange, _ other: ByteRange) -> Bool {
    guard range.count == other.count else { return false }
    for at in 0..<range.count
    where self[range.start &+ at].asciiLowercased != self[other.start &+ at].asciiLowercased {
      return false
    }
    return true
  }

  /// Whether the name in `range` could be taken for `lowercase` by a gateway that folds names: ASCII case
  /// is ignored and every byte but letters and digits counts as `-`. Equal names are aliases too.
  public func aliases(_ range: ByteRange, lowercase: [UInt8]) -> Bool {
    // Safe: a UInt8 has no padding that the raw bytes could show.
    unsafe aliases(range, lowercase: lowercase.span.bytes)
  }

  /// As above, for bytes that somebody else owns.
  func aliases(_ range: ByteRange, lowercase: RawSpan) -> Bool {
    guard range.count == lowercase.byteCount, range.end <= byteCount else { return false }
    for at in 0..<range.count
    where self[range.start &+ at].foldedByGateways != lowercase[at].foldedByGateways {
      return false
    }
    return true
  }

  /// As above, for a literal.
  func aliases(_ range: ByteRange, lowercase: StaticString) -> Bool {
    // Safe: the literal lives as long as the program, and is lent for the call only.
    unsafe aliases(
      range,
      lowercase: RawSpan(
        _unsafeStart: lowercase.utf8Start, byteCount: lowercase.utf8CodeUnitCount))
  }

  /// Whether `range` is one token (RFC 9110 §5.6.2).
  public func isToken(_ range: ByteRange) -> Bool {
    for at in range.start..<range.end where !ByteSet.token.contains(self[at]) { return false }
    return !range.isEmpty
  }

  /// Whether the token in `range` spells `lowercase`, a name of lower-case letters, digits and `-`.
  ///
  /// Eight bytes a step. `| 0x20` folds case exactly here, because no byte of a token but an upper-case
  /// letter becomes a letter, digit or `-` by it.
  @inline(__always)
  func isTokenEqual(_ range: ByteRange, to lowercase: StaticString) -> Bool {
    let count = range.count
    guard count == lowercase.utf8CodeUnitCount, range.end <= byteCount else { return false }
    // Safe: the literal lives as long as the program, and is lent for the call only.
    let name = unsafe RawSpan(_unsafeStart: lowercase.utf8Start, byteCount: count)
    let fold: UInt64 = 0x2020_2020_2020_2020
    guard count >= 8 else {
      for at in 0..<count where self[range.start &+ at] | 0x20 != name[at] { return false }
      return true
    }
    var at = 0
    while at &+ 8 <= count {
      if word(at: range.start &+ at) | fold != name.word(at: at) { return false }
      at &+= 8
    }
    return word(at: range.end &- 8) | fold == name.word(at: count &- 8)
  }
}

extension UInt8 {
  /// What gateways make of a byte of a name: letters in lower case, digits, and `-` for all others.
  fileprivate var foldedByGateways: UInt8 {
    let lower = asciiLowercased
    return lower.isDigit || lower &- 0x61 < 26 ? lower : UInt8(ascii: "-")
  }
}

extension RawSpan {
  /// Whether the span begins with the first `count` bytes of `text`.
  public func spells(_ text: StaticString, first count: Int) -> Bool {
    guard count <= byteCount, count <= text.utf8CodeUnitCount else { return false }
    // Safe: the literal lives as long as the program, and is lent for the call only.
    let name = unsafe RawSpan(_unsafeStart: text.utf8Start, byteCount: text.utf8CodeUnitCount)
    for at in 0..<count where self[at] != name[at] { return false }
    return true
  }
}
