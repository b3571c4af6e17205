extension HTTP1Parser {
  /// Reads the complete head in `0..<end`, which `endOfBlock` has accepted.
  func readResponse(
    _ bytes: RawSpan, to end: Int, method: HTTPMethod, into head: ResponseHead
  ) throws(HTTPFault) {
    head.reset()
    var at = 0
    head.version = try HTTP1Parser.version(bytes, &at)
    try readStatus(bytes, &at, to: end, into: head)
    var facts = FieldFacts(isRequest: false)
    try readFields(
      bytes, from: at, to: end, facts: &facts, into: &head.fields,
      options: &head.connectionOptions)
    let stated = try facts.framing(head.version) ?? .untilClose
    head.framing = HTTP1Parser.hasBody(status: head.status, method: method) ? stated : .none
    head.seen = facts.seen
    head.isKeepAlive = facts.isKeepAlive(head.version) && head.framing != .untilClose
    head.upgrade = facts.upgrade(head.version)
    head.headLength = end
  }

  /// Whether a response can have a body at all (RFC 9112 §6.3, rules 1 and 2).
  private static func hasBody(status: Int, method: HTTPMethod) -> Bool {
    switch (method, status) {
    case (.head, _), (_, 100...199), (_, 204), (_, 304), (.connect, 200...299): false
    default: true
    }
  }

  /// Reads ` 200 OK` and the line break. The space before an empty reason may be missing.
  private func readStatus(
    _ bytes: RawSpan, _ at: inout Int, to end: Int, into head: ResponseHead
  ) throws(HTTPFault) {
    guard at + 4 < end, bytes[at] == .space else { throw HTTPFault(.statusLineMalformed, at: at) }
    var status = 0
    for index in at + 1...at + 3 {
      guard bytes[index].isDigit else { throw HTTPFault(.statusInvalid, at: index) }
      status = status * 10 + Int(bytes[index] - 0x30)
    }
    guard status >= 100, status <= 599 else { throw HTTPFault(.statusInvalid, at: at + 1) }
    head.status = status
    at += 4
    let reason = bytes[at] == .space ? at + 1 : at
    let lineEnd = bytes.lineBreak(from: reason, to: end)
    guard reason > at || lineEnd == at else { throw HTTPFault(.statusInvalid, at: at) }
    head.reason = ByteRange(start: reason, end: lineEnd)
    at = lineEnd + bytes.lineBreakLength(at: lineEnd)
  }
}
