import Glibc
import HTTPCodec
import Platform

/// One request on an HTTP/2 connection to an upstream, in the place of a socket below a `Channel`.
///
/// To the exchange it looks like an HTTP/1.1 server: the request's head, which the exchange writes as ever, is taken apart here
/// and becomes HEADERS; heads of responses are written out as HTTP/1.1 and read by the same strict parser
/// as any other. Content passes as it is. Owned by one worker thread.
final class UpstreamStream {
  /// Strong, because an unowned one costs atomic work at each use; the connection lets go of its streams.
  let connection: UpstreamHTTP2
  /// Its number, 0 until the request's head has been handed over.
  private(set) var id: Int32 = 0
  /// The exchange's side; nil once that is over.
  var upstream: UpstreamConnection?
  /// Its place among the connection's streams.
  var position = 0

  // MARK: Request

  /// What the exchange hands over with the current call.
  let outlet = HTTP2Outlet()
  /// Whether the request's first frame has been written.
  var isBegun = false
  /// Whether the frame that ends the request has been written.
  var isEndSent = false
  /// Frames that were written and were not counted yet, in bytes.
  var sentBytes = 0

  // MARK: Response

  /// Its fields as they came.
  var head = UpstreamResponseHead()
  /// Heads as HTTP/1.1 that were not taken yet.
  private var heads: Buffer?
  /// Content that has come and was not taken yet.
  private var incoming: Buffer?
  /// Whether the final head has come.
  private(set) var hasHead = false
  /// Whether that head was the whole response.
  private(set) var endsWithHead = false
  /// The upstream sends nothing more.
  var hasEnded = false
  /// Why the stream is closed before its time; nil while it is not.
  var resetCode: UInt32?
  /// Whether it was the upstream that reset it.
  var isResetByPeer = false
  /// Whether what came breaks the rules of HTTP/2.
  var isMalformed: Bool { resetCode == HTTP2Code.protocolError && !isResetByPeer }
  /// Whether the upstream has done nothing with the request and says so (RFC 9113 §8.7), or never got it.
  var isRefused = false
  /// Frames that came and were not counted yet, in bytes.
  var receivedBytes = 0
  /// Whether it is in the connection's list of streams that can go on.
  var isTouched = false
  /// Whether it is in the connection's list of streams with frames to count.
  var isListedAsWritten = false

  init(connection: UpstreamHTTP2) { self.connection = connection }

  // MARK: - What comes

  /// Takes a complete block of fields: an interim head, the final one, or trailers. False when it breaks a rule of ours.
  func take(endsStream: Bool, headBytesMax: Int, _ buffers: BufferPool) -> Bool {
    if hasHead { return head.endTrailers() }
    guard let status = head.status else { return false }
    let text = heads ?? buffers.take()
    heads = text
    if text.consumed > 0 { text.compact() }
    let isFinal = status >= 200
    guard head.write(to: text, bytesMax: headBytesMax), isFinal || !endsStream else { return false }
    head.begin()
    hasHead = isFinal
    endsWithHead = isFinal && endsStream
    return true
  }

  /// Keeps content; false when it is more than the window allowed.
  func take(_ bytes: RawSpan, _ buffers: BufferPool) -> Bool {
    let incoming = self.incoming ?? buffers.take()
    self.incoming = incoming
    if incoming.free < bytes.byteCount { incoming.compact() }
    // Bound: the stream's window, which is no larger than a buffer.
    return incoming.append(bytes)
  }

  /// Takes what was received into a channel's input.
  func receive(into channel: Channel, _ buffers: BufferPool) -> IOResult {
    if resetCode != nil {
      channel.isReadable = false
      channel.isBroken = true
      return .failed(ECONNRESET)
    }
    if heads?.isEmpty == false {
      let count = channel.take(&heads, buffers)
      return count > 0 ? .moved(count) : .wouldBlock
    }
    return connection.receive(&incoming, into: channel, stream: id, hasEnded: hasEnded)
  }

  /// Gives back what was not taken.
  func releaseBuffers(to buffers: BufferPool) {
    if let heads = heads.take() { buffers.give(heads) }
    if let incoming = incoming.take() { buffers.give(incoming) }
  }

  // MARK: - What goes

  /// Writes the first of `output` as HEADERS while the head is in it, the rest and `directCount` bytes of `content` as DATA as far
  /// as flow control and the connection's output allow.
  func send(_ output: Buffer?, _ content: Buffer?, directCount: Int) -> IOResult {
    guard resetCode == nil else { return .failed(ECONNRESET) }
    var accepted = 0
    if id == 0, let output {
      guard let length = sendHead(output, directCount) else {
        isRefused = true
        resetCode = HTTP2Code.refusedStream
        return .failed(ECONNRESET)
      }
      accepted = length
    }
    return outlet.send(
      output, from: accepted, content, directCount: directCount, stream: id, on: connection)
  }

  /// Writes the end of a request of which everything has been handed over, as far as flow control and the connection's
  /// output allow; `isEndSent` tells.
  func finish() {
    guard !isEndSent, resetCode == nil, id != 0 else { return }
    outlet.finish(stream: id, on: connection)
  }

  /// Sends the head at the front of `output`; its length, nil when the connection takes no further request.
  private func sendHead(_ output: Buffer, _ directCount: Int) -> Int? {
    let bytes = output.readable
    let head = connection.requestHead
    var scanned = 0
    guard
      case .complete(let length) = connection.parser.parseRequest(
        bytes, scanned: &scanned, into: head)
    else { preconditionFailure("a head of our own is valid") }
    let fields = connection.fields
    fields.reset()
    fields.append(":method", bytes.bytes(of: head.methodRange))
    fields.append(":scheme", text: connection.isEncrypted ? "https" : "http")
    if head.authority.count > 0 { fields.append(":authority", bytes.bytes(of: head.authority)) }
    fields.append(":path", bytes.bytes(of: head.target))
    for field in head.fields where field.passesToHTTP2 && field.known != .host {
      fields.append(bytes.bytes(of: field.name), bytes.bytes(of: field.value))
    }
    // Always true, and servers of gRPC insist on it.
    fields.append("te", text: "trailers")
    let hasContent =
      !(outlet.endsWithNextSend && length == output.count && directCount == 0
      && outlet.trailers == nil)
    guard let stream = connection.session.submitRequest(fields, hasContent: hasContent) else {
      return nil
    }
    outlet.isAtEnd = !hasContent
    id = stream
    connection.begin(self)
    return length
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

/// The fields of a response that comes over HTTP/2, and the same head as HTTP/1.1.
struct UpstreamResponseHead {
  /// Of the head in progress; nil until it has come.
  private(set) var status: Int?
  private var lines: [UInt8] = []
  /// Lines of the trailers, nil when there were none.
  private(set) var trailers: [UInt8]?
  /// Decoded bytes, as RFC 9113 §6.5.2 counts them.
  private var listBytes = 0
  private var isTooLong = false

  /// Takes a field of a head, or of the trailers. Past `bytesMax` nothing is kept, and the head is no good.
  mutating func take(_ name: RawSpan, _ value: RawSpan, bytesMax: Int) {
    listBytes += name.byteCount + value.byteCount + 32
    guard listBytes <= bytesMax else {
      isTooLong = true
      return
    }
    if name.byteCount > 0 && name[0] == UInt8(ascii: ":") {
      // `:status` is the only one there is; the session has checked its form.
      status = 0
      for offset in 0..<value.byteCount { status = status! * 10 + Int(value[offset] & 15) }
      return
    }
    lines.append(field: name, value)
  }

  /// Writes the head as HTTP/1.1; false when it is too long.
  func write(to output: Buffer, bytesMax: Int) -> Bool {
    guard let status, !isTooLong, lines.count <= bytesMax else { return false }
    return output.append("HTTP/1.1 ") && output.append(decimal: UInt64(status))
      && output.append(" \r\n") && output.append(lines) && output.append("\r\n")
  }

  /// Forgets the last head, for the next or for trailers.
  mutating func begin() {
    status = nil
    lines = []
    listBytes = 0
    isTooLong = false
  }

  /// Has what came since the head be the trailers; false when they are too long.
  mutating func endTrailers() -> Bool {
    trailers = lines
    lines = []
    return !isTooLong
  }
}
