import HTTPCodec
import Platform

/// An HTTP/2 connection to an upstream: its session and its streams.
///
/// What the session tells is only noted here; the worker acts on it when the call into the session has returned. Owned by
/// one worker thread.
final class UpstreamHTTP2: HTTP2SessionDelegate, HTTP2Link {
  /// The socket's side. Strong; the cycle is broken when the connection is closed (`Worker.closeUpstream`).
  let carrier: UpstreamConnection
  /// Whether the socket has TLS.
  let isEncrypted: Bool
  private var made: HTTP2Session?
  /// All streams whose exchange is open.
  private(set) var attached: [UpstreamStream] = []
  /// Those of them that have a number.
  private var streams = StreamTable<UpstreamStream>()
  /// Streams whose exchange is over with a response that was complete before the stream's end, which is still to come.
  private var ending: Set<Int32> = []
  /// Streams that have something new, in the order in which it came.
  private var touched: [UpstreamStream] = []
  /// Streams whose frames were written and are not counted yet.
  private var written: [UpstreamStream] = []
  /// Used for each request's head.
  let requestHead = RequestHead()
  let fields = HTTP2Fields()
  /// Reads heads that the exchange has written.
  var parser: HTTP1Parser
  /// Whether there may be something to send.
  var isDirty = true
  /// Whether the worker's list of connections to flush has it.
  var isListed = false
  /// It gets no further request.
  private(set) var isLeaving = false
  /// Its socket is of no use any more; exchanges whose response has come may still read that.
  var isDead = false
  /// Whether its end was noted against the address.
  var isFailureNoted = false
  /// When bytes came last.
  var receivedAt: UInt64
  /// When the upstream was asked for a sign of life; what came later is one.
  var pingedAt: UInt64 = 0
  /// Since when it has had requests without a break: its silence before was none of theirs.
  var usedSince: UInt64 = 0
  /// Requests at a time.
  private let streamsMax: Int
  private let headBytesMax: Int
  private let headerListBytesMax: Int
  let buffers: BufferPool
  var channel: Channel { carrier.channel }
  /// Orders streams by when they were served last.
  private var serves: UInt64 = 0
  /// Bytes of the DATA frame in progress that are still to come or to be counted.
  private var contentLeft = 0
  private var contentStream: Int32 = 0
  /// Bytes of HEADERS and CONTINUATION frames of the block in progress.
  private var pendingHead = 0
  private var pendingStream: Int32 = 0

  /// Nil when there is no memory.
  init?(
    _ carrier: UpstreamConnection, streamsMax: Int, limits: LimitConfiguration,
    _ buffers: BufferPool, now: UInt64
  ) {
    self.carrier = carrier
    isEncrypted = carrier.channel.tls != nil
    self.streamsMax = streamsMax
    headBytesMax = limits.headBytesMax
    headerListBytesMax = limits.headerListBytesMax
    self.buffers = buffers
    receivedAt = now
    parser = HTTP1Parser(limits: HeaderPolicy.ownLimits(bufferBytes: limits.bufferBytes))
    var bounds = HTTP2Limits()
    bounds.headerListBytesMax = limits.headerListBytesMax
    bounds.streamWindow = min(65_535, limits.bufferBytes)
    made = HTTP2Session(bounds, as: .client, delegate: self)
    guard made != nil else { return nil }
  }

  var session: HTTP2Session {
    guard let made else { preconditionFailure("made in init") }
    return made
  }

  /// Whether it takes a further request now.
  func hasRoom(at now: UInt64) -> Bool {
    !isLeaving && now < carrier.expires && session.mayRequest
      && attached.count + ending.count < min(streamsMax, session.peerStreamsMax)
  }

  /// Whether no exchange uses it.
  var isIdle: Bool { attached.isEmpty }

  /// Has it get no further request.
  func leave() { isLeaving = true }

  /// Forgets what is left, at the end of the connection.
  func forgetAll() {
    streams.removeAll()
    touched = []
    written = []
  }

  // MARK: - Streams

  /// Adds a stream without a number.
  func attach() -> UpstreamStream {
    let stream = UpstreamStream(connection: self)
    stream.position = attached.count
    attached.append(stream)
    return stream
  }

  /// A stream has got its number.
  func begin(_ stream: UpstreamStream) { streams[stream.id] = stream }

  /// Takes a stream out whose exchange is over; one that is not complete is given up.
  func detach(_ stream: UpstreamStream, isGivenUp: Bool) {
    stream.upstream = nil
    stream.releaseBuffers(to: buffers)
    if stream.id != 0 {
      streams[stream.id] = nil
      if stream.resetCode == nil {
        if isGivenUp {
          session.reset(stream.id, code: HTTP2Code.cancel)
          isDirty = true
        } else if !stream.hasEnded {
          ending.insert(stream.id)
        }
      }
    }
    // Bound: streamsMax; the last one takes the place.
    let last = attached.removeLast()
    guard last !== stream else { return }
    last.position = stream.position
    attached[stream.position] = last
  }

  /// The number of the next stream that is served, so that those that waited longest come first.
  func nextServe() -> UInt64 {
    serves += 1
    return serves
  }

  /// Takes the streams that have something new.
  func takeTouched() -> [UpstreamStream] {
    let streams = touched
    touched = []
    for stream in streams { stream.isTouched = false }
    return streams
  }

  /// Whether some streams have something new.
  var hasTouched: Bool { !touched.isEmpty }

  /// Takes the streams whose frames were written since the last call.
  func takeWritten() -> [UpstreamStream] {
    let streams = written
    written = []
    for stream in streams { stream.isListedAsWritten = false }
    return streams
  }

  private func touch(_ stream: UpstreamStream) {
    guard !stream.isTouched else { return }
    stream.isTouched = true
    touched.append(stream)
  }

  /// Has every stream that waits to send go on, in the order in which they were served last.
  func touchWaiting() {
    // Bound: streamsMax.
    var waiting = attached.filter { $0.upstream?.channel.isWritable == false }
    if waiting.count > 1 { waiting.sort { ($0.outlet.served, $0.id) < ($1.outlet.served, $1.id) } }
    for stream in waiting { touchWaiting(stream) }
  }

  private func touchWaiting(_ stream: UpstreamStream) {
    guard let upstream = stream.upstream, carrier.isConnected, !upstream.channel.isWritable else {
      return
    }
    upstream.channel.isWritable = true
    touch(stream)
  }

  /// Books a frame that was written. What belongs to no open exchange, and frames about the connection, are nobody's.
  func note(written count: Int, _ frame: HTTP2SentFrame?) {
    guard let frame else { return }
    switch frame.kind {
    case .head, .continuation, .content:
      guard let stream = streams[frame.stream] else { return }
      stream.isBegun = true
      stream.sentBytes += frame.bytes
      if frame.endsStream { stream.isEndSent = true }
      guard !stream.isListedAsWritten else { return }
      stream.isListedAsWritten = true
      written.append(stream)
    case .reset, .goAway, .windowUpdate, .priority, .control: break
    }
  }

  // MARK: - What the session tells

  func frameBegins(_ kind: HTTP2FrameKind, stream id: Int32, length: Int) {
    settleContent()
    switch kind {
    case .head:
      pendingHead = 9 + length
      pendingStream = id
    case .continuation: pendingHead += 9 + length
    case .content:
      guard let stream = streams[id] else { return }
      stream.receivedBytes += 9
      contentLeft = length
      contentStream = id
    case .windowUpdate, .reset, .goAway, .priority, .control: break
    }
  }

  /// What is left of a DATA frame when it is over was padding.
  private func settleContent() {
    guard contentLeft > 0 else { return }
    streams[contentStream]?.receivedBytes += contentLeft
    contentLeft = 0
  }

  func frameEnded(_ kind: HTTP2FrameKind, stream id: Int32, length: Int) {
    switch kind {
    case .content: settleContent()
    case .goAway: isLeaving = true
    case .reset: streams[id]?.isResetByPeer = true
    case .windowUpdate where id != 0:
      if let stream = streams[id] { touchWaiting(stream) }
    case .windowUpdate, .control:
      // A window has opened, or SETTINGS have made one larger.
      touchWaiting()
    case .head, .continuation, .priority: break
    }
  }

  func headBegins(_ id: Int32) {}

  func field(_ name: RawSpan, _ value: RawSpan, stream id: Int32, isFirst: Bool) -> Bool {
    streams[id]?.head.take(name, value, bytesMax: headerListBytesMax)
    return true
  }

  func headEnded(_ id: Int32, isFirst: Bool, endsStream: Bool) {
    let bytes = pendingHead
    pendingHead = 0
    guard let stream = streams[id], stream.resetCode == nil else { return }
    stream.receivedBytes += bytes
    if !stream.take(endsStream: endsStream, headBytesMax: headBytesMax, buffers) {
      fail(stream, code: HTTP2Code.protocolError)
    }
    touch(stream)
  }

  func content(_ bytes: RawSpan, stream id: Int32) {
    session.consumeConnection(bytes.byteCount)
    isDirty = true
    guard let stream = streams[id], stream.resetCode == nil else { return }
    contentLeft -= bytes.byteCount
    stream.receivedBytes += bytes.byteCount
    if !stream.take(bytes, buffers) { fail(stream, code: HTTP2Code.flowControl) }
    touch(stream)
  }

  func peerEnded(_ id: Int32) {
    guard let stream = streams[id] else { return }
    stream.hasEnded = true
    touch(stream)
  }

  func closed(_ id: Int32, code: UInt32) {
    ending.remove(id)
    guard let stream = streams[id] else { return }
    // A head that broke the rules does not end (`headEnded`).
    if pendingStream == id {
      stream.receivedBytes += pendingHead
      pendingHead = 0
    }
    if code == HTTP2Code.noError && stream.hasEnded {
      // The response is complete, and the upstream wants nothing more of the request.
      streams[id] = nil
      return
    }
    // Never written: the session found no place for it.
    stream.isRefused = code == HTTP2Code.refusedStream || !stream.isBegun
    stream.resetCode = code
    streams[id] = nil
    touch(stream)
  }

  private func fail(_ stream: UpstreamStream, code: UInt32) {
    stream.resetCode = code
    session.reset(stream.id, code: code)
    isDirty = true
  }

  func fill(_ room: UnsafeMutableRawBufferPointer, stream id: Int32) -> HTTP2Content {
    guard let stream = streams[id] else { return .last(0) }
    return unsafe stream.outlet.fill(room) { session.submitTrailers($0, stream: id) }
  }
}
