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

  /// Its head, until its exchange begins.
  var head: HTTP2RequestHead.Text?
  /// Whether it is to become a tunnel of bytes.
  private(set) var isUpgrade = false
  /// Lines of the trailers, nil when there were none.
  private(set) var trailers: [UInt8]?
  /// Decoded bytes of the trailers, as RFC 9113 §6.5.2 counts them.
  private(set) var trailerListBytes = 0
  /// Content that has come and was not taken yet.
  var incoming: Buffer?
  /// Whether the request has neither content nor trailers.
  var endsWithHead: Bool { hasEnded && trailers == nil && (incoming?.isEmpty ?? true) }
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

  /// Takes its head, which is complete.
  func take(_ head: HTTP2RequestHead.Text?) {
    self.head = head
    isUpgrade = head?.isUpgrade ?? false
  }

  /// Takes a field of the trailers, whose list may have `bytesMax`.
  func takeTrailer(_ name: RawSpan, _ value: RawSpan, bytesMax: Int) -> HTTP2RequestHead.Taken {
    trailerListBytes += name.byteCount + value.byteCount + 32
    guard trailerListBytes <= bytesMax else {
      return trailerListBytes <= 4 * bytesMax ? .leftOut : .excessive
    }
    if trailers == nil { trailers = [] }
    trailers!.append(field: name, value)
    return .kept
  }

  /// Gives back what was not taken.
  func releaseBuffers(to buffers: BufferPool) {
    if let head = head.take() { buffers.give(head.buffer) }
    if let incoming = incoming.take() { buffers.give(incoming) }
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
  func send(_ output: Buffer?, _ content: Buffer?, directCount: Int) -> IOResult {
    guard !isReset else { return .failed(ECONNRESET) }
    var accepted = 0
    while !isHeadSent, let output, accepted < output.count {
      guard let length = sendHead(output, from: accepted, directCount) else {
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
  private func sendHead(_ output: Buffer, from start: Int, _ directCount: Int) -> Int? {
    let fields = connection.fields
    guard
      let head = fields.replace(
        withResponse: output.readable.extracting(start..<output.count))
    else { return nil }
    let isInterim = head.status < 200 && !head.isTunnel
    let hasContent =
      !(outlet.endsWithNextSend && start + head.length == output.count && directCount == 0
      && outlet.trailers == nil)
    guard
      connection.session.submitHead(
        fields, stream: id, isInterim: isInterim, hasContent: hasContent)
    else { return nil }
    if !isInterim {
      isHeadSent = true
      outlet.isAtEnd = !hasContent
    }
    return head.length
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
