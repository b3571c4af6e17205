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
  /// Strong, because an unowned one costs atomic work at each use; the connection lets go of its streams.
  let connection: HTTP2Connection
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
  let outlet = HTTP2Outlet()
  /// Whether the end of the response has been handed over.
  var isAtEnd: Bool { outlet.isAtEnd }
  /// Whether the frame that ends the response has been written.
  var isEndSent = false
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
    return connection.receive(&incoming, into: channel, stream: id, hasEnded: hasEnded)
  }

  /// Writes the first of `output` as HEADERS while that is heads, the rest and `directCount` bytes of `content` as DATA as
  /// far as flow control and the connection's output allow.
  func send(_ output: Buffer?, _ content: Buffer?, directCount: Int, _ parser: inout HTTP1Parser)
    -> IOResult
  {
    guard !isReset else { return .failed(ECONNRESET) }
    var accepted = 0
    while !isHeadSent, let output, accepted < output.count {
      guard let length = sendHead(output, from: accepted, directCount, &parser)
      else {
        return .failed(EPROTO)
      }
      accepted += length
    }
    guard !isReset else { return .failed(ECONNRESET) }
    return outlet.send(
      output, from: accepted, content, directCount: directCount, stream: id, on: connection)
  }

  /// Writes the end of a response of which everything has been handed over, as far as flow control and the connection's
  /// output allow; `isEndSent` tells.
  func finish() {
    guard !isEndSent, !isReset, isHeadSent else { return }
    outlet.finish(stream: id, on: connection)
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
    // A tunnel begins with 200 here, and proves nothing about a key that the client has not sent (RFC 8441 §5).
    let isTunnel = head.status == 101
    let isInterim = head.status < 200 && !isTunnel
    let hasContent =
      !(outlet.endsWithNextSend && start + length == output.count && directCount == 0
      && outlet.trailers == nil)
    let fields = connection.fields
    fields.reset()
    fields.append(status: isTunnel ? 200 : head.status)
    for field in head.fields where field.passesToHTTP2 {
      if isTunnel && bytes.matches(field.name, lowercase: "sec-websocket-accept") { continue }
      fields.append(bytes.bytes(of: field.name), bytes.bytes(of: field.value))
    }
    guard
      connection.session.submitHead(
        fields, stream: id, isInterim: isInterim, hasContent: hasContent)
    else { return nil }
    if !isInterim {
      isHeadSent = true
      outlet.isAtEnd = !hasContent
    }
    return length
  }

  /// The session asks for content.
  func fill(_ room: UnsafeMutableRawBufferPointer) -> HTTP2Content {
    unsafe outlet.fill(room) { connection.session.submitTrailers($0, stream: id) }
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
