/// Reads the field lines of a block that `endOfBlock` has accepted (RFC 9112 §5).
///
/// Relied on throughout: the block ends in an empty line, so every loop over name bytes meets a byte that
/// is not in its set before the end of the span.
enum FieldBlock {
  /// Reads one field line that starts at `at` and moves `at` behind it. `end` is the end of the block.
  @inline(__always)
  static func next(_ bytes: RawSpan, at: inout Int, end: Int) throws(HTTPFault) -> Field {
    let start = at
    var index = bytes.endOfPlainName(from: start)
    var isOdd = false
    if bytes[unchecked: index] != UInt8(ascii: ":") {
      isOdd = true
      while ByteSet.token.contains(bytes[unchecked: index]) { index &+= 1 }
    }
    guard index > start, bytes[unchecked: index] == UInt8(ascii: ":") else {
      throw nameFault(bytes, start: start, stop: index)
    }
    let name = ByteRange(inBlock: start, end: index)
    if isOdd && KnownField.isAlias(name, in: bytes) {
      throw HTTPFault(.fieldNameAlias, at: start)
    }
    let lineEnd = bytes.lineBreak(from: index &+ 1, to: end)
    let value = bytes.trimmed(from: index &+ 1, to: lineEnd)
    at = lineEnd &+ bytes.lineBreakLength(at: lineEnd)
    return Field(
      name: name, value: value, known: KnownField(name, in: bytes), isOddlySpelled: isOdd)
  }

  /// Says what is wrong with a line whose name stopped at `stop` without a colon.
  private static func nameFault(_ bytes: RawSpan, start: Int, stop: Int) -> HTTPFault {
    guard bytes[stop].isBlank else { return HTTPFault(.fieldNameInvalid, at: stop) }
    return HTTPFault(stop == start ? .lineFolding : .spaceBeforeColon, at: stop)
  }
}
