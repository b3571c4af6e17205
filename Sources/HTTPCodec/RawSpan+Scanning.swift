extension RawSpan {
  /// The byte at `offset`; traps outside of the span.
  @inline(__always)
  subscript(offset: Int) -> UInt8 {
    // Safe: bounds are checked by the load, and any byte is a valid UInt8.
    unsafe unsafeLoad(fromByteOffset: offset, as: UInt8.self)
  }

  /// The byte at `offset` without a check in release builds.
  ///
  /// Only for loops that a byte known to be ahead stops: the caller has seen the line feed that ends the
  /// block, and no `ByteSet` contains it.
  @inline(__always)
  subscript(unchecked offset: Int) -> UInt8 {
    assert(offset >= 0 && offset < byteCount)
    // Safe: the caller knows of a stopping byte at or behind `offset`, inside the span.
    return unsafe unsafeLoad(fromUncheckedByteOffset: offset, as: UInt8.self)
  }

  /// Eight bytes from `offset`, the first one lowest; traps outside of the span.
  @inline(__always)
  func word(at offset: Int) -> UInt64 {
    // Safe: bounds are checked by the load, and any bytes are a valid UInt64.
    UInt64(littleEndian: unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self))
  }

  /// Offset of the first control byte (below 0x20, or 0x7f) in `start..<end`, or `end`.
  ///
  /// Eight bytes a step: `(x - 0x20…) & ~x` has the high bit of the first byte below 0x20 set, and the
  /// same with 0x01 finds the zero byte that `^ 0x7f` makes of a DEL. A borrow can only disturb bytes
  /// behind the first hit, which are not looked at.
  func firstControl(from start: Int, to end: Int) -> Int {
    precondition(start >= 0 && end <= byteCount)
    let highBits: UInt64 = 0x8080_8080_8080_8080
    var at = start
    while at &+ 8 <= end {
      // Safe: `at + 8 <= end <= byteCount`.
      let word = UInt64(
        littleEndian: unsafe unsafeLoadUnaligned(fromUncheckedByteOffset: at, as: UInt64.self))
      let below = (word &- 0x2020_2020_2020_2020) & ~word
      let flipped = word ^ 0x7f7f_7f7f_7f7f_7f7f
      let delete = (flipped &- 0x0101_0101_0101_0101) & ~flipped
      let hits = (below | delete) & highBits
      if hits != 0 { return at &+ hits.trailingZeroBitCount / 8 }
      at &+= 8
    }
    while at < end {
      let byte = self[unchecked: at]
      if byte < 0x20 || byte == 0x7f { return at }
      at &+= 1
    }
    return end
  }

  /// Finds the end of a block of lines that an empty line closes, and checks line ends and control bytes.
  ///
  /// `start` is the first byte of the block, which must not be an empty line itself. `scanned` is where
  /// the last call stopped and is moved on, so a block that arrives in drips is looked at once. Looks at
  /// no byte from `limit` on.
  /// - Returns: the offset behind the empty line, or nil when it is not there yet.
  func endOfBlock(
    from start: Int, scanned: inout Int, limit: Int, acceptsBareLineFeed: Bool
  ) throws(HTTPFault) -> Int? {
    let end = Swift.min(byteCount, limit)
    var at = Swift.max(scanned, start)
    defer { scanned = at }
    while true {
      at = firstControl(from: Swift.min(at, end), to: end)
      guard at < end else { return nil }
      let endsEmptyLine = at > start && self[at - 1] == .lineFeed
      switch self[at] {
      case .tab:
        at += 1
      case .carriageReturn:
        guard at + 1 < end else { return nil }
        guard self[at + 1] == .lineFeed else { throw HTTPFault(.bareCarriageReturn, at: at) }
        at += 2
        if endsEmptyLine { return at }
      case .lineFeed:
        guard acceptsBareLineFeed else { throw HTTPFault(.bareLineFeed, at: at) }
        at += 1
        if endsEmptyLine { return at }
      default:
        throw HTTPFault(.controlByte, at: at)
      }
    }
  }

  /// Offset of the line break in a block that `endOfBlock` has accepted, from `start` on.
  ///
  /// Such a block holds no control byte but tabs and line breaks, so a look at bytes below 0x20 is enough.
  @inline(__always)
  func lineBreak(from start: Int, to end: Int) -> Int {
    precondition(start >= 0 && end <= byteCount)
    var at = start
    while at &+ 8 <= end {
      // Safe: `at + 8 <= end <= byteCount`.
      let word = UInt64(
        littleEndian: unsafe unsafeLoadUnaligned(fromUncheckedByteOffset: at, as: UInt64.self))
      let hits = (word &- 0x2020_2020_2020_2020) & ~word & 0x8080_8080_8080_8080
      if hits == 0 {
        at &+= 8
        continue
      }
      at &+= hits.trailingZeroBitCount / 8
      if self[unchecked: at] != .tab { return at }
      at &+= 1
    }
    while at < end, self[unchecked: at] >= .space || self[unchecked: at] == .tab { at &+= 1 }
    return at
  }

  /// Length of the line break at `offset` in such a block: 2, or 1 for a bare line feed, or 0 for none.
  @inline(__always)
  func lineBreakLength(at offset: Int) -> Int {
    switch self[offset] {
    case .carriageReturn: 2
    case .lineFeed: 1
    default: 0
    }
  }

  /// The range `start..<end` without blanks at its ends.
  @inline(__always)
  func trimmed(from start: Int, to end: Int) -> ByteRange {
    precondition(start >= 0 && end <= byteCount)
    var first = start
    var last = end
    while first < last && self[unchecked: first].isBlank { first &+= 1 }
    while last > first && self[unchecked: last &- 1].isBlank { last &-= 1 }
    return ByteRange(inBlock: first, end: Swift.max(first, last))
  }

  /// Offset of the first byte from `start` on that is not in `ByteSet.plainName`.
  ///
  /// Eight bytes a step: with the high bit of each byte cleared, adding `0x80 - n` sets it exactly when the
  /// byte is at least `n`, and no sum reaches the next byte. Some byte ahead must not be in the set.
  @inline(__always)
  func endOfPlainName(from start: Int) -> Int {
    var at = start
    while at &+ 8 <= byteCount {
      // Safe: `at + 8 <= byteCount`.
      let word = UInt64(
        littleEndian: unsafe unsafeLoadUnaligned(fromUncheckedByteOffset: at, as: UInt64.self))
      let ascii = word & 0x7f7f_7f7f_7f7f_7f7f
      let lower = ascii | 0x2020_2020_2020_2020
      let letters =
        (lower &+ 0x1f1f_1f1f_1f1f_1f1f) & ~(lower &+ 0x0505_0505_0505_0505)
      let digits = (ascii &+ 0x5050_5050_5050_5050) & ~(ascii &+ 0x4646_4646_4646_4646)
      let dashes = ~((ascii ^ 0x2d2d_2d2d_2d2d_2d2d) &+ 0x7f7f_7f7f_7f7f_7f7f)
      let stops = ~((letters | digits | dashes) & ~word) & 0x8080_8080_8080_8080
      if stops != 0 { return at &+ stops.trailingZeroBitCount / 8 }
      at &+= 8
    }
    while ByteSet.plainName.contains(self[unchecked: at]) { at &+= 1 }
    return at
  }
}
