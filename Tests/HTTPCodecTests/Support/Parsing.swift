import HTTPCodec

/// Lends the first `count` bytes of `bytes` as a span.
func withSpan<Result>(
  _ bytes: [UInt8], first count: Int? = nil, _ body: (RawSpan) -> Result
) -> Result {
  // Safe: a UInt8 has no padding that the raw bytes could show.
  body(unsafe bytes.span.bytes.extracting(0..<(count ?? bytes.count)))
}

/// The text that a range stands for; traps when the range is out of bounds.
func text(_ range: ByteRange, _ bytes: [UInt8]) -> String {
  String(decoding: bytes[range.start..<range.end], as: UTF8.self)
}

/// A field as text, to be compared across buffers.
struct FieldText: Equatable {
  var name: String
  var value: String
  var known: KnownField
  var isConnectionOption: Bool

  init(_ field: Field, _ bytes: [UInt8]) {
    name = text(field.name, bytes)
    value = text(field.value, bytes)
    known = field.known
    isConnectionOption = field.isConnectionOption
  }
}

/// All that a request head says, as text.
struct RequestText: Equatable {
  var method: HTTPMethod
  var methodName: String
  var target: String
  var form: TargetForm
  var authority: String
  var path: String
  var pathWithoutQuery: String
  var hasDotSegments: Bool
  var hasEncodedSlash: Bool
  var version: HTTPVersion
  var fields: [FieldText]
  var options: [String]
  var framing: BodyFraming
  var isKeepAlive: Bool
  var expectsContinue: Bool
  var upgrade: String?
  var acceptsTrailers: Bool
  var headLength: Int

  init(_ head: RequestHead, _ bytes: [UInt8]) {
    method = head.method
    methodName = text(head.methodRange, bytes)
    target = text(head.target, bytes)
    form = head.targetForm
    authority = text(head.authority, bytes)
    path = text(head.path, bytes)
    pathWithoutQuery = text(head.pathWithoutQuery, bytes)
    hasDotSegments = head.hasDotSegments
    hasEncodedSlash = head.hasEncodedSlash
    version = head.version
    fields = head.fields.map { FieldText($0, bytes) }
    options = head.connectionOptions.map { text($0, bytes) }
    framing = head.framing
    isKeepAlive = head.isKeepAlive
    expectsContinue = head.expectsContinue
    upgrade = head.upgrade.map { text($0, bytes) }
    acceptsTrailers = head.acceptsTrailers
    headLength = head.headLength
  }
}

/// All that a response head says, as text.
struct ResponseText: Equatable {
  var version: HTTPVersion
  var status: Int
  var reason: String
  var fields: [FieldText]
  var framing: BodyFraming
  var isKeepAlive: Bool
  var upgrade: String?
  var headLength: Int

  init(_ head: ResponseHead, _ bytes: [UInt8]) {
    version = head.version
    status = head.status
    reason = text(head.reason, bytes)
    fields = head.fields.map { FieldText($0, bytes) }
    framing = head.framing
    isKeepAlive = head.isKeepAlive
    upgrade = head.upgrade.map { text($0, bytes) }
    headLength = head.headLength
  }
}

/// What became of a head.
enum Parsed<Head: Equatable>: Equatable {
  case head(Head)
  case fault(HTTPFault)
  case needMore

  /// The head, if it was accepted.
  var accepted: Head? {
    if case .head(let head) = self { return head }
    return nil
  }

  /// The rule that was broken, if one was.
  var code: FaultCode? {
    if case .fault(let fault) = self { return fault.code }
    return nil
  }
}

/// Feeds a request in growing prefixes, one for each of `cuts`, and then whole.
func parseRequest(
  _ bytes: [UInt8], cuts: [Int] = [], limits: HTTP1Limits = HTTP1Limits()
) -> Parsed<RequestText> {
  var parser = HTTP1Parser(limits: limits)
  let head = RequestHead()
  var scanned = 0
  for count in cuts + [bytes.count] {
    let outcome = withSpan(bytes, first: count) {
      parser.parseRequest($0, scanned: &scanned, into: head)
    }
    switch outcome {
    case .needMore: continue
    case .complete: return .head(RequestText(head, bytes))
    case .fault(let fault): return .fault(fault)
    }
  }
  return .needMore
}

/// The same for text.
func parseRequest(_ text: String, limits: HTTP1Limits = HTTP1Limits()) -> Parsed<RequestText> {
  parseRequest(Array(text.utf8), limits: limits)
}

/// Feeds a response in growing prefixes, one for each of `cuts`, and then whole.
func parseResponse(
  _ bytes: [UInt8], to method: HTTPMethod = .get, cuts: [Int] = [],
  limits: HTTP1Limits = HTTP1Limits()
) -> Parsed<ResponseText> {
  var parser = HTTP1Parser(limits: limits)
  let head = ResponseHead()
  var scanned = 0
  for count in cuts + [bytes.count] {
    let outcome = withSpan(bytes, first: count) {
      parser.parseResponse($0, scanned: &scanned, to: method, into: head)
    }
    switch outcome {
    case .needMore: continue
    case .complete: return .head(ResponseText(head, bytes))
    case .fault(let fault): return .fault(fault)
    }
  }
  return .needMore
}

/// The same for text.
func parseResponse(
  _ text: String, to method: HTTPMethod = .get, limits: HTTP1Limits = HTTP1Limits()
) -> Parsed<ResponseText> {
  parseResponse(Array(text.utf8), to: method, limits: limits)
}
