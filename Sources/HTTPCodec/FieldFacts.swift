/// What the fields of one head say about framing, connection and host: the rules of RFC 9112 §3.2, §6 and
/// §9 and RFC 9110 §7.6.1, each in its strict reading.
///
/// `note` is called for each field in order and refuses what no later field could repair; the questions
/// that need all fields (`requestFraming`, `responseFraming`, …) are asked afterwards.
struct FieldFacts {
  /// Bound: options of all Connection fields together. Each is compared with every field's name.
  static let connectionOptionsMax = 32

  let isRequest: Bool
  private(set) var seen: UInt64 = 0
  private(set) var host: ByteRange?
  private(set) var acceptsTrailers = false
  private(set) var expectsContinue = false
  private var contentLength: UInt64 = 0
  private var isChunked = false
  private var transferEncodingAt = 0
  private var upgradeValue: ByteRange?
  private var listsClose = false
  private var listsKeepAlive = false
  private var listsUpgrade = false
  private var namesFields = false

  init(isRequest: Bool) {
    self.isRequest = isRequest
  }

  /// Whether a field of this kind was noted.
  func contains(_ known: KnownField) -> Bool { seen & known.bit != 0 }

  /// Takes one field in. `options` collects what Connection lists.
  @inline(__always)
  mutating func note(
    _ field: Field, in bytes: RawSpan, options: inout ContiguousArray<ByteRange>
  ) throws(HTTPFault) {
    if field.known.isFact { try noteKnown(field, in: bytes, options: &options) }
    seen |= field.known.bit
  }

  private mutating func noteKnown(
    _ field: Field, in bytes: RawSpan, options: inout ContiguousArray<ByteRange>
  ) throws(HTTPFault) {
    switch field.known {
    case .contentLength: try noteContentLength(field, in: bytes)
    case .transferEncoding: try noteTransferEncoding(field, in: bytes)
    case .connection: try noteConnection(field, in: bytes, options: &options)
    case .host where isRequest: try noteHost(field, in: bytes)
    case .upgrade:
      guard upgradeValue == nil else { throw HTTPFault(.upgradeDuplicate, at: field.name.start) }
      upgradeValue = field.value
    case .te:
      var list = TokenList(field.value)
      while let coding = list.next(bytes) {
        if bytes.matches(coding, lowercase: "trailers") { acceptsTrailers = true }
      }
    case .expect:
      if bytes.matches(field.value, lowercase: "100-continue") { expectsContinue = true }
    default: break
    }
  }

  private mutating func noteHost(_ field: Field, in bytes: RawSpan) throws(HTTPFault) {
    guard host == nil else { throw HTTPFault(.hostDuplicate, at: field.name.start) }
    guard Authority.parse(field.value, in: bytes) != nil else {
      throw HTTPFault(.hostInvalid, at: field.value.start)
    }
    host = field.value
  }

  /// One field, digits only, at most 2^63 - 1.
  private mutating func noteContentLength(_ field: Field, in bytes: RawSpan) throws(HTTPFault) {
    guard !contains(.contentLength) else {
      throw HTTPFault(.contentLengthDuplicate, at: field.name.start)
    }
    guard !field.value.isEmpty else {
      throw HTTPFault(.contentLengthInvalid, at: field.value.start)
    }
    var value: UInt64 = 0
    for at in field.value.start..<field.value.end {
      let byte = bytes[at]
      let (tens, tooMany) = value.multipliedReportingOverflow(by: 10)
      let (sum, tooLarge) = tens.addingReportingOverflow(UInt64(byte &- 0x30))
      guard byte.isDigit, !tooMany, !tooLarge, sum <= UInt64(Int64.max) else {
        throw HTTPFault(.contentLengthInvalid, at: at)
      }
      value = sum
    }
    contentLength = value
  }

  /// Exactly one coding over all fields, and it is `chunked`. Empty elements are refused too: lists that
  /// need repair have been read in different ways.
  private mutating func noteTransferEncoding(_ field: Field, in bytes: RawSpan) throws(HTTPFault) {
    transferEncodingAt = field.name.start
    var start = field.value.start
    for at in field.value.start...field.value.end
    where at == field.value.end || bytes[at] == UInt8(ascii: ",") {
      let coding = bytes.trimmed(from: start, to: at)
      guard bytes.isToken(coding) else { throw HTTPFault(.transferEncodingInvalid, at: start) }
      guard !isChunked else { throw HTTPFault(.transferEncodingChunkedNotLast, at: start) }
      guard bytes.matches(coding, lowercase: "chunked") else {
        throw HTTPFault(.transferEncodingUnknown, at: start)
      }
      isChunked = true
      start = at + 1
    }
  }

  private mutating func noteConnection(
    _ field: Field, in bytes: RawSpan, options: inout ContiguousArray<ByteRange>
  ) throws(HTTPFault) {
    var list = TokenList(field.value)
    while let option = list.next(bytes) {
      guard bytes.isToken(option), options.count < FieldFacts.connectionOptionsMax else {
        throw HTTPFault(.connectionOptionInvalid, at: option.start)
      }
      options.append(option)
      if bytes.isTokenEqual(option, to: "keep-alive") {
        listsKeepAlive = true
        continue
      }
      namesFields = true
      if bytes.isTokenEqual(option, to: "close") { listsClose = true }
      if bytes.isTokenEqual(option, to: "upgrade") { listsUpgrade = true }
      guard !KnownField(option, in: bytes).isForbiddenAsConnectionOption else {
        throw HTTPFault(.connectionOptionForbidden, at: option.start)
      }
    }
  }

  /// Whether Connection may name one of the fields; `keep-alive` alone, which is usual, names none.
  var needsMarking: Bool { namesFields || (listsKeepAlive && contains(.keepAlive)) }

  /// Marks every field that one of `options` names.
  static func mark(
    _ fields: inout ContiguousArray<Field>, named options: ContiguousArray<ByteRange>,
    in bytes: RawSpan
  ) {
    for option in options {
      for index in fields.indices where bytes.matches(fields[index].name, option) {
        fields[index].isConnectionOption = true
      }
    }
  }

  /// What the framing fields say (RFC 9112 §6.3), or nil when there are none.
  func framing(_ version: HTTPVersion) throws(HTTPFault) -> BodyFraming? {
    if contains(.transferEncoding) {
      guard !contains(.contentLength) else {
        throw HTTPFault(.contentLengthAndTransferEncoding, at: transferEncodingAt)
      }
      guard version == .http11 else {
        throw HTTPFault(.transferEncodingOnHTTP10, at: transferEncodingAt)
      }
      return .chunked
    }
    return contains(.contentLength) ? .contentLength(contentLength) : nil
  }

  /// Whether the peer lets the connection be used again (RFC 9112 §9.3).
  func isKeepAlive(_ version: HTTPVersion) -> Bool {
    !listsClose && (version == .http11 || listsKeepAlive)
  }

  /// The value of Upgrade, if Connection lists it and the version has it (RFC 9110 §7.8).
  func upgrade(_ version: HTTPVersion) -> ByteRange? {
    guard version == .http11, listsUpgrade, let value = upgradeValue, !value.isEmpty else {
      return nil
    }
    return value
  }
}
