import Glibc
import HTTPCodec
import Platform

/// One stream of an HTTP/2 connection, in the place of a socket below a `Channel`.
///
/// To the exchange it looks like an HTTP/1.1 client: the request's head is written out as HTTP/1.1 and read by the same
/// strict parser as any other, so that nothing gets past its rules by coming over HTTP/2; heads that the
/// exchange sends are taken apart here and become HEADERS. Content passes as it is. Owned by one worker thread.
final class HTTP2Stream {
  let id: Int32
  unowned let connection: HTTP2Connection
  /// The exchange's side; nil once that is over.
  var downstream: DownstreamConnection?

  // MARK: Request

  /// Its fields as they came.
  var head = HTTP2RequestHead()
  /// Content that has come and was not taken yet.
  var incoming: Buffer?
  /// Whether the request has neither content nor trailers.
  var endsWithHead: Bool { hasEnded && head.trailers == nil && (incoming?.isEmpty ?? true) }
  /// The client sends nothing more.
  var hasEnded = false
  /// The stream is closed before its time: given up by the client, or reset for a fault.
  var isReset = false
  /// It was the client who reset it.
  var isResetByClient = false
  /// Its exchange is over.
  var isOver = false
  /// Frames of this stream that came and were not counted yet, in bytes.
  var receivedBytes = 0

  // MARK: Response

  private var isHeadSent = false
  /// What the exchange hands over with the current call.
  private var queued: Buffer?
  private var direct: Buffer?
  private var queuedRange = 0..<0
  private var directRange = 0..<0
  /// Whether the end of what is handed over is the response's end.
  var endsWithNextSend = false
  /// Whether the end of the response has been handed over.
  private(set) var isAtEnd = false
  /// Whether the frame that ends the response has been written.
  var isEndSent = false
  /// When it was served last, as its connection counts.
  private(set) var served: UInt64 = 0
  /// Trailers that end the response.
  var responseTrailers: HTTP2Fields?
  /// Frames of this stream that were written and were not counted yet, in bytes.
  var sentBytes = 0
  /// Whether it is in the connection's list of streams with such frames.
  var isListedAsWritten = false
  /// Whether its exchange has begun.
  var isBegun = false
  /// Whether it is in the connection's list of streams that can go on.
  var isTouched = false

  init(id: Int32, connection: HTTP2Connection) {
    self.id = id
    self.connection = connection
  }

  /// Takes what was received into a channel's input.
  func receive(into channel: Channel, _ buffers: BufferPool) -> IOResult {
    if isReset {
      channel.isReadable = false
      channel.isBroken = true
      return .failed(ECONNRESET)
    }
    guard let incoming, !incoming.isEmpty else {
      channel.isReadable = false
      guard hasEnded else { return .wouldBlock }
      channel.hasEnded = true
      return .end
    }
    let count: Int
    if channel.inputCount == 0 {
      if let old = channel.input.take() { buffers.give(old) }
      count = incoming.count
      channel.input = incoming
      self.incoming = nil
    } else if let input = channel.input {
      input.compact()
      count = min(input.free, incoming.count)
      guard count > 0 else { return .wouldBlock }
      input.append(incoming.readable.extracting(first: count))
      incoming.consume(count)
    } else {
      return .wouldBlock
    }
    channel.isReadable = !(self.incoming?.isEmpty ?? true) || hasEnded
    connection.session.consume(count, stream: id)
    connection.isDirty = true
    return .moved(count)
  }

  /// Writes the first of `output` as HEADERS while that is heads, the rest and `directCount` bytes of `content` as DATA as
  /// far as flow control and the connection's output allow.
  func send(_ output: Buffer?, _ content: Buffer?, directCount: Int, _ parser: inout HTTP1Parser)
    -> IOResult
  {
    guard !isReset else { return .failed(ECONNRESET) }
    let offered = (output?.count ?? 0) + directCount
    var accepted = 0
    while !isHeadSent, let output, accepted < output.count {
      guard let length = sendHead(output, from: accepted, directCount, &parser)
      else {
        return .failed(EPROTO)
      }
      accepted += length
    }
    guard !isReset else { return .failed(ECONNRESET) }
    if accepted < offered || (endsWithNextSend && !isAtEnd) {
      queued = output
      direct = content
      queuedRange = min(accepted, output?.count ?? 0)..<(output?.count ?? 0)
      directRange = 0..<directCount
      connection.session.resume(id)
    }
    connection.pump()
    let left = queuedRange.count + directRange.count
    forgetPieces()
    accepted = offered - left
    // Nobody else may end the response with what comes next; once all is handed over, whoever writes next may.
    if !isAtEnd && left > 0 { endsWithNextSend = false }
    if accepted > 0 { served = connection.nextServe() }
    return accepted > 0 ? .moved(accepted) : .wouldBlock
  }

  /// Writes the end of a response of which everything has been handed over, as far as flow control and the connection's
  /// output allow; `isEndSent` tells.
  func finish() {
    guard !isEndSent, !isReset, isHeadSent else { return }
    endsWithNextSend = true
    forgetPieces()
    connection.session.resume(id)
    connection.pump()
  }

  private func forgetPieces() {
    queued = nil
    direct = nil
    queuedRange = 0..<0
    directRange = 0..<0
  }

  /// Sends the head that begins at `start`; its length, nil when it is none.
  private func sendHead(
    _ output: Buffer, from start: Int, _ directCount: Int, _ parser: inout HTTP1Parser
  ) -> Int? {
    let bytes = output.readable.extracting(start..<output.count)
    let head = connection.head
    var scanned = 0
    // The method only decides about framing, which is known here.
    guard
      case .complete(let length) = parser.parseResponse(
        bytes, scanned: &scanned, to: .get, into: head)
    else { return nil }
    let isInterim = head.status < 200
    let hasContent =
      !(endsWithNextSend && start + length == output.count && directCount == 0
      && responseTrailers == nil)
    let fields = connection.fields
    fields.reset()
    fields.append(status: head.status)
    for field in head.fields where Self.passes(field) {
      fields.append(bytes.bytes(of: field.name), bytes.bytes(of: field.value))
    }
    guard
      connection.session.submitHead(
        fields, stream: id, isInterim: isInterim, hasContent: hasContent)
    else { return nil }
    if !isInterim {
      isHeadSent = true
      isAtEnd = !hasContent
    }
    return length
  }

  /// Fields about the connection have no place in HTTP/2 (RFC 9113 §8.2.2).
  private static func passes(_ field: Field) -> Bool {
    switch field.known {
    case .connection, .keepAlive, .transferEncoding, .upgrade, .proxyConnection, .te,
      .http2Settings:
      false
    default: !field.isConnectionOption
    }
  }

  /// The session asks for content.
  func fill(_ room: UnsafeMutableRawBufferPointer) -> HTTP2Content {
    var written = 0
    if let queued, !queuedRange.isEmpty {
      let count = min(room.count, queuedRange.count)
      unsafe copy(queued, queuedRange.lowerBound, count, to: room, at: 0)
      queuedRange = (queuedRange.lowerBound + count)..<queuedRange.upperBound
      written = count
    }
    if let direct, !directRange.isEmpty, written < room.count {
      let count = min(room.count - written, directRange.count)
      unsafe copy(direct, directRange.lowerBound, count, to: room, at: written)
      directRange = (directRange.lowerBound + count)..<directRange.upperBound
      written += count
    }
    guard queuedRange.isEmpty, directRange.isEmpty, endsWithNextSend else {
      return written > 0 ? .some(written) : .later
    }
    isAtEnd = true
    guard let trailers = responseTrailers else { return .last(written) }
    guard connection.session.submitTrailers(trailers, stream: id) else { return .last(written) }
    return .lastBeforeTrailers(written)
  }

  @unsafe
  private func copy(
    _ buffer: Buffer, _ start: Int, _ count: Int, to room: UnsafeMutableRawBufferPointer,
    at offset: Int
  ) {
    // Safe: `count` is bounded by both at the caller.
    let bytes = buffer.readable.extracting(start..<(start + count))
    unsafe bytes.withUnsafeBytes { source in
      unsafe UnsafeMutableRawBufferPointer(rebasing: room[offset..<(offset + count)]).copyMemory(
        from: source)
    }
  }

  /// Takes the bytes of received frames that are to be counted.
  func takeReceived() -> Int {
    defer { receivedBytes = 0 }
    return receivedBytes
  }

  /// Takes the bytes of sent frames that are to be counted.
  func takeSent() -> Int {
    defer { sentBytes = 0 }
    return sentBytes
  }
}
