import HTTPCodec
import Platform

@testable import Proxy

/// Takes messages the way a worker does: parsed, written anew, the body framed anew; and reads back what
/// would be sent, with fresh parsers and with a lax reader of its own.
///
/// Knows nothing of the tests that use it, so that a fuzzer may use it too.
final class Forwarding {
  /// What the connection and the configuration contribute.
  struct Conditions {
    var isTrusted = false
    var hasTenant = false
    var wantsTrailers = false
    /// Whether the client of a response speaks HTTP/1.0.
    var isHTTP10 = false
    /// The method that a response answers.
    var method = HTTPMethod.get

    init() {}

    /// One bit for each choice.
    init(bits: UInt8) {
      isTrusted = bits & 1 != 0
      hasTenant = bits & 2 != 0
      wantsTrailers = bits & 4 != 0
      isHTTP10 = bits & 8 != 0
      method = bits & 16 != 0 ? .head : bits & 32 != 0 ? .post : .get
    }
  }

  /// What became of a message.
  enum Verdict: Equatable {
    /// It is incomplete or breaks a rule.
    case refused
    /// It was written anew and read back alike.
    case forwarded
    /// It was written anew and would be read as something else.
    case wrong(String)
  }

  private struct Misread: Error {
    let reason: String
  }

  /// Longer messages are not looked at.
  static let bytesMax = 32_768

  private let limits = HTTP1Limits()
  private let policy: HeaderPolicy
  private let input = Buffer(capacity: 65_536)
  private let output = Buffer(capacity: 262_144)
  private let reread = Buffer(capacity: 1 << 20)
  private let trailers = Buffer(capacity: 65_536)
  private let tenant = Buffer(capacity: 16)
  private var trailerFields: ContiguousArray<Field> = []

  init() {
    var configuration = TenantConfiguration()
    configuration.rules = [TenantRule(.header("X-Tenant"))]
    policy = HeaderPolicy(configuration)
    tenant.append(Array("acme".utf8))
  }

  /// Forwards a request with what follows it on its connection.
  func request(_ bytes: [UInt8], _ conditions: Conditions) -> Verdict {
    guard bytes.count <= Self.bytesMax else { return .refused }
    let (input, output) = (input, output)
    input.reset()
    input.append(bytes)
    var parser = HTTP1Parser(limits: limits)
    let head = RequestHead()
    var scanned = 0
    guard
      case .complete(let length) = parser.parseRequest(
        input.readable, scanned: &scanned, into: head), head.method != .connect
    else { return .refused }
    let upgrades = head.upgrade != nil && head.framing == .none
    let context = HeaderPolicy.RequestContext(
      client: ClientAddress([192, 0, 2, 1]), isTrusted: conditions.isTrusted,
      tenant: conditions.hasTenant ? tenant : nil, upgrades: upgrades,
      wantsTrailers: conditions.wantsTrailers)
    output.reset()
    guard policy.writeRequest(head, in: input.readable, context, to: output) else {
      return .wrong("the head did not fit")
    }
    let expected = ExpectedRequest(head, bytes)
    input.consume(length)
    var sent = Sent(wire: output.bytes)
    var relay = BodyRelay(Self.source(head.framing, limits), framesChunks: head.framing == .chunked)
    guard relayBody(&relay, &sent) else { return .refused }
    return verdict {
      try self.check(request: sent, expected)
      try LaxReader(sent.wire).check(
        request: true, framing: head.framing, content: sent.content.count, isWhole: sent.isWhole,
        tenants: conditions.hasTenant ? 1 : 0)
    }
  }

  /// Forwards a response with what follows it on its connection.
  func response(_ bytes: [UInt8], _ conditions: Conditions) -> Verdict {
    guard bytes.count <= Self.bytesMax else { return .refused }
    let (input, output) = (input, output)
    input.reset()
    input.append(bytes)
    var parser = HTTP1Parser(limits: limits)
    let head = ResponseHead()
    var scanned = 0
    guard
      case .complete(let length) = parser.parseResponse(
        input.readable, scanned: &scanned, to: conditions.method, into: head),
      head.status != 101 || head.upgrade != nil
    else { return .refused }
    let (framing, source) = framing(head, conditions)
    output.reset()
    guard
      policy.writeResponse(
        head, in: input.readable, framing: framing, closes: framing == .untilClose,
        toHTTP10: conditions.isHTTP10 && head.status >= 200, hints: .none, to: output)
    else { return .wrong("the head did not fit") }
    input.consume(length)
    var sent = Sent(wire: output.bytes)
    var relay = BodyRelay(source, framesChunks: framing == .chunked)
    guard relayBody(&relay, &sent) else { return .refused }
    return verdict {
      try self.check(response: sent, head.status, framing, conditions)
      try LaxReader(sent.wire).check(
        request: false, framing: Self.plain(framing), content: sent.content.count,
        isWhole: sent.isWhole, tenants: nil)
    }
  }

  // What is sent

  private struct Sent {
    var wire: [UInt8]
    var content: [UInt8] = []
    var isWhole = true
  }

  private static func source(_ framing: BodyFraming, _ limits: HTTP1Limits) -> BodyRelay.Source {
    switch framing {
    case .none: .none
    case .contentLength(let count): .length(count)
    case .chunked: .chunked(ChunkedDecoder(limits: limits))
    case .untilClose: .untilClose
    }
  }

  /// As `Worker.responseFraming`.
  private func framing(
    _ head: ResponseHead, _ conditions: Conditions
  ) -> (HeaderPolicy.ResponseFraming, BodyRelay.Source) {
    if head.status == 101 { return (.upgrade, .none) }
    let source = Self.source(head.framing, limits)
    switch head.framing {
    case .none: return (.none, source)
    case .contentLength(let count): return (.contentLength(count), source)
    case .chunked, .untilClose: return (conditions.isHTTP10 ? .untilClose : .chunked, source)
    }
  }

  private static func plain(_ framing: HeaderPolicy.ResponseFraming) -> BodyFraming {
    switch framing {
    case .none, .upgrade: .none
    case .contentLength(let count): .contentLength(count)
    case .chunked: .chunked
    case .untilClose: .untilClose
    }
  }

  /// Moves the body; false when it breaks a rule.
  private func relayBody(_ relay: inout BodyRelay, _ sent: inout Sent) -> Bool {
    let (input, output, trailers) = (input, output, trailers)
    if relay.isDirect {
      let count = relay.directCount(input)
      sent.content = Array(input.bytes.prefix(count))
      sent.wire += sent.content
      if case .length(let length) = relay.source { sent.isWhole = UInt64(count) == length }
      return true
    }
    while !relay.isSourceDone {
      output.reset()
      let filled = relay.fill(from: input, to: output)
      if filled.fault != nil || !takeTrailers(filled) { return false }
      sent.content += output.bytes.dropFirst(relay.leading).prefix(relay.body)
      let isEmpty = filled.wireBytes == 0
      if isEmpty, case .untilClose = relay.source { relay.isSourceDone = true }
      if relay.isSourceDone {
        _ = relay.finishChunks(output) {
          policy.writeTrailers(trailerFields, in: trailers.readable, hints: .none, to: $0)
        }
      }
      sent.wire += output.bytes
      _ = relay.accept(output.count)
      if isEmpty { break }
    }
    sent.isWhole = relay.isSourceDone
    return true
  }

  private func takeTrailers(_ filled: BodyRelay.Filled) -> Bool {
    trailerFields.removeAll()
    guard let range = filled.trailers else { return true }
    let (input, trailers) = (input, trailers)
    trailers.reset()
    trailers.append(input.readable.extracting(range.start..<range.end))
    input.consume(filled.wireBytes)
    return parseTrailers(trailers.readable, into: &trailerFields) == nil
  }

  // What the receiver reads

  private struct ExpectedRequest {
    let method: [UInt8]
    let target: [UInt8]
    let authority: [UInt8]
    let framing: BodyFraming

    init(_ head: RequestHead, _ bytes: [UInt8]) {
      func part(_ range: ByteRange) -> [UInt8] { Array(bytes[range.start..<range.end]) }
      method = part(head.methodRange)
      authority = part(head.authority)
      framing = head.framing
      let path = part(head.path)
      let isRooted = path.first == UInt8(ascii: "/")
      target =
        head.targetForm == .asterisk ? [UInt8(ascii: "*")] : (isRooted ? [] : [0x2F]) + path
    }
  }

  private func verdict(_ check: () throws -> Void) -> Verdict {
    do { try check() } catch let misread as Misread { return .wrong(misread.reason) } catch {
      return .wrong("\(error)")
    }
    return .forwarded
  }

  private func require(_ holds: Bool, _ reason: String, _ sent: Sent) throws {
    if !holds {
      throw Misread(
        reason: reason + ": " + String(decoding: sent.wire, as: UTF8.self).debugDescription)
    }
  }

  private func check(request sent: Sent, _ expected: ExpectedRequest) throws {
    let reread = reread
    reread.reset()
    reread.append(sent.wire)
    var parser = HTTP1Parser(limits: Self.receiver)
    let head = RequestHead()
    var scanned = 0
    let outcome = parser.parseRequest(reread.readable, scanned: &scanned, into: head)
    guard case .complete(let length) = outcome else {
      return try require(false, "not read back, \(outcome)", sent)
    }
    func part(_ range: ByteRange) -> [UInt8] { Array(sent.wire[range.start..<range.end]) }
    try require(part(head.methodRange) == expected.method, "another method", sent)
    try require(part(head.target) == expected.target, "another target", sent)
    try require(part(head.authority) == expected.authority, "another authority", sent)
    try require(head.framing == expected.framing, "another framing", sent)
    try checkBody(sent, from: length, head.framing)
  }

  private func check(
    response sent: Sent, _ status: Int, _ framing: HeaderPolicy.ResponseFraming,
    _ conditions: Conditions
  ) throws {
    let reread = reread
    reread.reset()
    reread.append(sent.wire)
    var parser = HTTP1Parser(limits: Self.receiver)
    let head = ResponseHead()
    var scanned = 0
    let outcome = parser.parseResponse(
      reread.readable, scanned: &scanned, to: conditions.method, into: head)
    guard case .complete(let length) = outcome else {
      return try require(false, "not read back, \(outcome)", sent)
    }
    try require(head.status == status, "another status", sent)
    try require(head.framing == Self.plain(framing), "another framing", sent)
    try checkBody(sent, from: length, head.framing)
  }

  /// The receiver has more room, for what the proxy adds.
  private static let receiver = {
    var limits = HTTP1Limits()
    limits.headBytesMax = 262_144
    limits.fieldCountMax = 200
    limits.trailerBytesMax = 262_144
    limits.targetBytesMax = 16_384
    return limits
  }()

  private func checkBody(_ sent: Sent, from start: Int, _ framing: BodyFraming) throws {
    let rest = Array(sent.wire[start...])
    let reread = reread
    switch framing {
    case .none:
      try require(rest.isEmpty && sent.content.isEmpty, "a body where there is none", sent)
    case .untilClose: try require(rest == sent.content, "another content", sent)
    case .contentLength(let count):
      try require(rest == sent.content, "another content", sent)
      try require(!sent.isWhole || UInt64(rest.count) == count, "another end", sent)
    case .chunked:
      var decoder = ChunkedDecoder(limits: Self.receiver)
      var (offset, content): (Int, [UInt8]) = (start, [])
      loop: while true {
        switch decoder.next(reread.readable, offset: &offset) {
        case .data(let range): content += sent.wire[range.start..<range.end]
        case .trailers: break
        case .needMore, .end: break loop
        case .fault(let fault): try require(false, "chunks: \(fault)", sent)
        }
      }
      try require(content == sent.content, "another content", sent)
      try require(decoder.isEnded == sent.isWhole, "another end", sent)
      try require(!sent.isWhole || offset == sent.wire.count, "bytes behind the end", sent)
    }
  }
}
