extension HTTP1Parser {
  /// Reads the complete head in `start..<end`, which `endOfBlock` has accepted.
  func readRequest(
    _ bytes: RawSpan, from start: Int, to end: Int, into head: RequestHead
  ) throws(HTTPFault) {
    head.reset()
    var at = start
    try readMethod(bytes, &at, into: head)
    try readTarget(bytes, &at, into: head)
    head.version = try HTTP1Parser.version(bytes, &at)
    let lineBreak = bytes.lineBreakLength(at: at)
    guard lineBreak > 0 else { throw HTTPFault(.requestLineMalformed, at: at) }
    var facts = FieldFacts(isRequest: true)
    try readFields(
      bytes, from: at + lineBreak, to: end, facts: &facts, into: &head.fields,
      options: &head.connectionOptions)
    try conclude(facts, at: start, into: head)
    head.headLength = end
  }

  /// Fills in what needs all fields.
  private func conclude(
    _ facts: FieldFacts, at start: Int, into head: RequestHead
  ) throws(HTTPFault) {
    let version = head.version
    let mayLackHost = version == .http10 && limits.acceptsMissingHostFromHTTP10
    guard facts.host != nil || mayLackHost else { throw HTTPFault(.hostMissing, at: start) }
    if head.authority.isEmpty, let host = facts.host { head.authority = host }
    head.seen = facts.seen
    head.framing = try facts.framing(version) ?? .none
    head.isKeepAlive = facts.isKeepAlive(version)
    head.expectsContinue = facts.expectsContinue && version == .http11
    head.upgrade = facts.upgrade(version)
    head.acceptsTrailers = facts.acceptsTrailers
  }

  private func readMethod(
    _ bytes: RawSpan, _ at: inout Int, into head: RequestHead
  ) throws(HTTPFault) {
    let start = at
    // The block ends in a line feed, which is in no set: the loop stops inside of it.
    while ByteSet.token.contains(bytes[unchecked: at]) { at &+= 1 }
    guard bytes[at] == .space || bytes.lineBreakLength(at: at) > 0, at > start else {
      throw HTTPFault(.methodInvalid, at: at)
    }
    guard bytes[at] == .space else { throw HTTPFault(.requestLineMalformed, at: at) }
    head.methodRange = ByteRange(start: start, end: at)
    head.method = HTTPMethod(head.methodRange, in: bytes)
    at += 1
  }

  private func readTarget(
    _ bytes: RawSpan, _ at: inout Int, into head: RequestHead
  ) throws(HTTPFault) {
    let start = at
    var query = -1
    var isPlain = true
    while true {
      // The block ends in a line feed, which is in no set: the loops stop inside of it.
      while ByteSet.plainTarget.contains(bytes[unchecked: at]) { at &+= 1 }
      guard ByteSet.target.contains(bytes[unchecked: at]) else { break }
      if bytes[unchecked: at] == UInt8(ascii: "?") {
        if query < 0 { query = at }
      } else if query < 0 {
        isPlain = false
      }
      at &+= 1
    }
    guard bytes[at] == .space else {
      let isLineBreak = bytes.lineBreakLength(at: at) > 0
      throw HTTPFault(isLineBreak ? .requestLineMalformed : .targetInvalid, at: at)
    }
    guard at > start else { throw HTTPFault(.requestLineMalformed, at: at) }
    head.target = ByteRange(start: start, end: at)
    guard head.target.count <= limits.targetBytesMax else {
      throw HTTPFault(.targetTooLong, at: start)
    }
    try classifyTarget(bytes, into: head)
    guard !head.path.isEmpty else {
      at += 1
      return
    }
    head.pathWithoutQuery = ByteRange(start: head.path.start, end: query < 0 ? at : query)
    if !isPlain {
      let shape = PathShape(head.pathWithoutQuery, in: bytes)
      head.hasDotSegments = shape.hasDotSegments
      head.hasEncodedSlash = shape.hasEncodedSlash
    }
    at += 1
  }

  /// Tells the form of the target and finds its authority and path (RFC 9112 §3.2).
  private func classifyTarget(_ bytes: RawSpan, into head: RequestHead) throws(HTTPFault) {
    let target = head.target
    if head.method == .connect {
      guard let authority = Authority.parse(target, in: bytes), authority.port != nil else {
        throw HTTPFault(.targetFormInvalid, at: target.start)
      }
      head.targetForm = .authority
      head.authority = target
    } else if bytes[target.start] == UInt8(ascii: "/") {
      head.targetForm = .origin
      head.path = target
    } else if bytes.isEqual(target, to: "*") {
      guard head.method == .options else {
        throw HTTPFault(.targetFormInvalid, at: target.start)
      }
      head.targetForm = .asterisk
    } else {
      try splitAbsoluteTarget(bytes, into: head)
    }
  }

  private func splitAbsoluteTarget(
    _ bytes: RawSpan, into head: RequestHead
  ) throws(HTTPFault) {
    let target = head.target
    var start = target.start
    if bytes.matches(target.prefix(8), lowercase: "https://") {
      start += 8
    } else if bytes.matches(target.prefix(7), lowercase: "http://") {
      start += 7
    } else {
      throw HTTPFault(.targetFormInvalid, at: start)
    }
    var end = start
    while end < target.end, bytes[end] != UInt8(ascii: "/"), bytes[end] != UInt8(ascii: "?") {
      end += 1
    }
    let authority = ByteRange(start: start, end: end)
    guard Authority.parse(authority, in: bytes) != nil else {
      throw HTTPFault(.targetInvalid, at: start)
    }
    head.targetForm = .absolute
    head.authority = authority
    head.path = ByteRange(start: end, end: target.end)
  }

  /// Reads `HTTP/x.y` and moves behind it (RFC 9112 §2.3).
  static func version(_ bytes: RawSpan, _ at: inout Int) throws(HTTPFault) -> HTTPVersion {
    let range = ByteRange(start: at, count: 8)
    guard range.end <= bytes.byteCount, bytes.isEqual(range.prefix(5), to: "HTTP/"),
      bytes[at + 5].isDigit, bytes[at + 6] == UInt8(ascii: "."), bytes[at + 7].isDigit
    else { throw HTTPFault(.versionMalformed, at: at) }
    guard bytes[at + 5] == UInt8(ascii: "1"), bytes[at + 7] <= UInt8(ascii: "1") else {
      throw HTTPFault(.versionUnsupported, at: at)
    }
    at += 8
    return bytes[at - 1] == UInt8(ascii: "1") ? .http11 : .http10
  }
}

extension ByteRange {
  /// The first `count` bytes, or all if there are fewer.
  func prefix(_ count: Int) -> ByteRange {
    ByteRange(start: start, count: Swift.min(count, self.count))
  }
}
