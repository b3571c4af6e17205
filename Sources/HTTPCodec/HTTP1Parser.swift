/// Reads the heads of HTTP/1.0 and HTTP/1.1 messages (RFC 9112), strictly.
///
/// Two passes, neither of which allocates: the first finds the empty line eight bytes at a time and
/// refuses bad line ends and control bytes as soon as they arrive; the second reads the lines and fills the head. The
/// second runs once, when the head is complete, so a head that arrives byte by byte costs no more than a
/// constant times its length. Holds no state of a message: one parser may serve all connections of a
/// worker that share its limits.
public struct HTTP1Parser: Sendable {
  let limits: HTTP1Limits

  /// Makes a parser with these bounds; each must be at least 1, and bytes fit in 32 bits.
  public init(limits: HTTP1Limits) {
    precondition(limits.headBytesMax > 0 && limits.headBytesMax <= UInt32.max)
    precondition(limits.fieldCountMax > 0 && limits.targetBytesMax > 0)
    self.limits = limits
  }

  /// What becomes of names with `_`, for the trailers of the same requests.
  public var underscoreNames: UnderscoreNames { limits.underscoreNames }

  /// Reads a request head.
  ///
  /// `bytes` always starts at the first byte of the head, and holds all of it that has arrived; one empty
  /// line before the request line is passed over and counted in `headLength` (RFC 9112 §2.2). `scanned` is
  /// where the last call stopped: it starts at 0 for each head and the caller keeps it between calls. Cost:
  /// one look at each new byte, and a second one at all when the head is complete.
  public mutating func parseRequest(
    _ bytes: RawSpan, scanned: inout Int, into head: RequestHead
  ) -> ParseOutcome {
    do throws(HTTPFault) {
      guard let start = try requestStart(bytes) else { return .needMore }
      guard let end = try headEnd(bytes, from: start, &scanned, isRequest: true) else {
        return .needMore
      }
      try readRequest(bytes, from: start, to: end, into: head)
      return .complete(headLength: end)
    } catch {
      return .fault(error)
    }
  }

  /// Reads a response head that answers a request of `method`.
  ///
  /// As `parseRequest`, but no empty line may come before it, and every fault has status 502.
  public mutating func parseResponse(
    _ bytes: RawSpan, scanned: inout Int, to method: HTTPMethod, into head: ResponseHead
  ) -> ParseOutcome {
    do throws(HTTPFault) {
      guard bytes.byteCount > 0 else { return .needMore }
      guard bytes[0] > .space else { throw HTTPFault(.statusLineMalformed, at: 0) }
      guard let end = try headEnd(bytes, from: 0, &scanned, isRequest: false) else {
        return .needMore
      }
      try readResponse(bytes, to: end, method: method, into: head)
      return .complete(headLength: end)
    } catch {
      return .fault(HTTPFault(error.code, at: error.offset, status: 502))
    }
  }

  /// Offset of the request line, behind at most one empty line; nil when that is not known yet.
  private func requestStart(_ bytes: RawSpan) throws(HTTPFault) -> Int? {
    guard bytes.byteCount > 0 else { return nil }
    var start = 0
    if bytes[0] == .carriageReturn {
      guard bytes.byteCount > 1 else { return nil }
      guard bytes[1] == .lineFeed else { throw HTTPFault(.bareCarriageReturn, at: 0) }
      start = 2
    } else if bytes[0] == .lineFeed {
      guard limits.acceptsBareLineFeed else { throw HTTPFault(.bareLineFeed, at: 0) }
      start = 1
    }
    guard start < bytes.byteCount else { return nil }
    let first = bytes[start]
    guard first != .carriageReturn && first != .lineFeed else {
      throw HTTPFault(.leadingEmptyLines, at: start)
    }
    return start
  }

  /// Offset behind the empty line, or nil when it has not arrived; refuses a head over the bound.
  private func headEnd(
    _ bytes: RawSpan, from start: Int, _ scanned: inout Int, isRequest: Bool
  ) throws(HTTPFault) -> Int? {
    let end = try bytes.endOfBlock(
      from: start, scanned: &scanned, limit: limits.headBytesMax,
      acceptsBareLineFeed: limits.acceptsBareLineFeed)
    if let end { return end }
    guard bytes.byteCount >= limits.headBytesMax else { return nil }
    for at in start..<limits.headBytesMax where bytes[at] == .lineFeed {
      throw HTTPFault(.headTooLarge, at: limits.headBytesMax)
    }
    throw HTTPFault(isRequest ? .targetTooLong : .headTooLarge, at: limits.headBytesMax)
  }

  /// Reads the field lines from `start` to the empty line before `end`.
  func readFields(
    _ bytes: RawSpan, from start: Int, to end: Int, facts: inout FieldFacts,
    into fields: inout ContiguousArray<Field>, options: inout ContiguousArray<ByteRange>
  ) throws(HTTPFault) {
    var at = start
    while bytes.lineBreakLength(at: at) == 0 {
      guard fields.count < limits.fieldCountMax else { throw HTTPFault(.tooManyFields, at: at) }
      let field = try FieldBlock.next(bytes, at: &at, end: end)
      guard try limits.underscoreNames.keeps(field, in: bytes) else { continue }
      try facts.note(field, in: bytes, options: &options)
      fields.append(field)
    }
    if facts.needsMarking { FieldFacts.mark(&fields, named: options, in: bytes) }
  }
}
