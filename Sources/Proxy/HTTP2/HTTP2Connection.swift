import HTTPCodec
import Platform

/// An HTTP/2 connection of a client: its session, its streams, and what it has cost without being of use.
///
/// What the session tells is only noted here; the worker acts on it when the call into the session has returned. Owned by
/// one worker thread.
final class HTTP2Connection: HTTP2SessionDelegate, HTTP2Link {
  /// The socket's side. Strong; the cycle is broken when the connection ends (`Worker.endHTTP2`).
  let downstream: DownstreamConnection
  private var made: HTTP2Session?
  /// Open streams by their number.
  private(set) var streams = StreamTable<HTTP2Stream>()
  /// Streams that have something new, in the order in which it came.
  private var touched: [HTTP2Stream] = []
  /// The request's head in progress.
  private let requestHead = HTTP2RequestHead()
  let fields = HTTP2Fields()
  /// Whether there may be something to send.
  var isDirty = false
  /// Whether the worker's list of connections to flush has it.
  var isListed = false
  /// Bytes that were written, and those of them that are a stream's or were counted as the listener's.
  private var produced = 0
  private var bookedSent = 0
  /// The stream whose head has begun and is not complete; 0 for none.
  private(set) var headInProgress: Int32 = 0
  /// The same, 0 also for one that will be refused.
  private var wantedHead: Int32 = 0
  /// What the client has cost without being of use.
  var budget: HTTP2Budget
  /// Exchanges that are open.
  var openStreams = 0
  /// The code of a GOAWAY that told of a fault; nil while none was sent.
  private(set) var failure: UInt32?
  /// A fault that was found here and not in the session.
  private(set) var fault: UInt32?
  /// Heads and trailers that broke the rules, and RST_STREAM frames of ours that told of a fault: not counted yet.
  var malformedHeads: UInt64 = 0
  var resetsSent: UInt64 = 0
  /// Streams whose frames were written and are not counted yet.
  private var written: [HTTP2Stream] = []
  /// Orders streams by when they were served last.
  private var serves: UInt64 = 0
  /// The newest stream.
  private var lastStream: Int32 = 0
  /// The latest streams that were reset from this side: what the client had on its way for them is no fault.
  private var resetStreams: [Int32] = []
  private var hasPreface = false
  /// Bytes that were received, and those of them that are a stream's or were counted as the listener's.
  private var fed = 0
  private var booked = 0
  /// Bytes of frames that the session has told of, whole as soon as they begin.
  private var announced = 0
  /// Bytes of the DATA frame in progress that are still to come or to be counted.
  private var contentLeft = 0
  private var contentStream: Int32 = 0
  /// Bytes of HEADERS and CONTINUATION frames of the head in progress.
  private var pendingHead = 0
  /// No further streams are served.
  var isGoingAway = false
  /// The connection ends as soon as the reason has been sent.
  var isFailed = false
  /// Since when the socket takes nothing of what waits.
  var stalledSince: UInt64?
  /// When bytes came last.
  var receivedAt: UInt64
  /// When the client was asked for a sign of life that has not come; nil while it was not.
  var pingedAt: UInt64?
  /// Since when a head is in progress.
  var headSince: UInt64?
  /// When a first request must be there.
  let firstDeadline: UInt64
  /// When the second step of leaving comes.
  var leaveDeadline = UInt64.max
  private let limits: HTTP2Limits
  private let headBytesMax: Int
  let buffers: BufferPool
  var channel: Channel { downstream.channel }

  /// Nil when there is no memory.
  init?(
    _ downstream: DownstreamConnection, _ limits: HTTP2Limits, headBytesMax: Int,
    _ buffers: BufferPool, now: UInt64
  ) {
    self.downstream = downstream
    firstDeadline = downstream.deadline
    receivedAt = now
    budget = HTTP2Budget(at: now)
    self.limits = limits
    self.headBytesMax = headBytesMax
    self.buffers = buffers
    made = HTTP2Session(limits, delegate: self)
    guard made != nil else { return nil }
  }

  var session: HTTP2Session {
    guard let made else { preconditionFailure("made in init") }
    return made
  }

  /// Ends a stream with a fault.
  func reset(_ stream: Int32, code: UInt32) {
    session.reset(stream, code: code)
    isDirty = true
  }

  /// Whether an exchange is open.
  var hasOpenStreams: Bool { openStreams > 0 }

  /// Every stream, for walks that may remove some.
  var allStreams: [HTTP2Stream] { streams.values }

  /// Forgets what is left, at the end of the connection.
  func forgetAll() {
    for stream in streams.values {
      unbook(stream.takeReceived())
      stream.releaseBuffers(to: buffers)
    }
    releaseHead()
    streams.removeAll()
    touched = []
    written = []
  }

  /// Gives back what is kept of a head that did not come to its end.
  func releaseHead() { requestHead.release(to: buffers) }

  /// Takes the streams whose frames were written since the last call.
  func takeWritten() -> [HTTP2Stream] {
    let streams = written
    written = []
    for stream in streams { stream.isListedAsWritten = false }
    return streams
  }

  /// The number of the next stream that is served, so that those that waited longest come first.
  func nextServe() -> UInt64 {
    serves += 1
    return serves
  }

  /// Takes the streams that have something new.
  func takeTouched() -> [HTTP2Stream] {
    let streams = touched
    touched = []
    for stream in streams { stream.isTouched = false }
    return streams
  }

  func touch(_ stream: HTTP2Stream) {
    guard !stream.isTouched else { return }
    stream.isTouched = true
    touched.append(stream)
  }

  /// Has every stream that waits to send go on, in the order in which they were served last.
  func touchWaiting() {
    var waiting: [HTTP2Stream] = []
    // Bound: streamsMax.
    for stream in streams.values {
      guard let downstream = stream.downstream, !downstream.channel.isWritable else { continue }
      waiting.append(stream)
    }
    if waiting.count > 1 { waiting.sort { ($0.outlet.served, $0.id) < ($1.outlet.served, $1.id) } }
    for stream in waiting { touchWaiting(stream) }
  }

  private func touchWaiting(_ stream: HTTP2Stream) {
    guard let downstream = stream.downstream, !downstream.channel.isWritable else { return }
    downstream.channel.isWritable = true
    touch(stream)
  }

  /// Forgets a stream whose exchange is over and that the session has closed, or will.
  func forget(_ stream: HTTP2Stream) {
    stream.downstream = nil
    stream.isOver = true
    stream.releaseBuffers(to: buffers)
    // What is left of its response is sent first; `closed` comes then.
    if stream.isReset || stream.isAtEnd { streams[stream.id] = nil }
  }

  /// Books a frame that was written, before it goes to the socket.
  func note(written count: Int, _ frame: HTTP2SentFrame?) {
    produced += count
    guard let frame else { return }
    switch frame.kind {
    case .head, .continuation, .content:
      guard let stream = streams[frame.stream], !stream.isOver else { return }
      stream.sentBytes += frame.bytes
      bookedSent += frame.bytes
      if frame.endsStream {
        stream.isEndSent = true
        budget.earn(HTTP2Budget.completedBonus)
      }
      guard !stream.isListedAsWritten else { return }
      stream.isListedAsWritten = true
      written.append(stream)
    case .reset:
      noteReset(frame.stream)
      guard frame.code != HTTP2Code.noError else { return }
      resetsSent += 1
      // Clients can provoke resets as cheaply as they send their own (CVE-2025-8671); those for an upstream's fault are
      // not theirs, and a refused stream has cost nothing.
      switch frame.code {
      case HTTP2Code.internalError: break
      case HTTP2Code.refusedStream: budget.spend(1)
      default: budget.spend(HTTP2Budget.resetCost)
      }
    case .goAway: if frame.code != HTTP2Code.noError { failure = frame.code }
    case .windowUpdate, .priority, .control: break
    }
  }

  /// Takes the bytes that were written and are no stream's; a frame that is not complete may still become one.
  func takeControlSent() -> Int {
    let count = produced - bookedSent - session.partBytes
    bookedSent += count
    return count
  }

  /// Gives back what was booked for a stream whose exchange is over.
  func unbookSent(_ count: Int) { bookedSent -= count }

  private func noteReset(_ id: Int32) {
    // Bound: as many as may be open at a time.
    if resetStreams.count >= limits.streamsMax { resetStreams.removeFirst() }
    resetStreams.append(id)
  }

  // MARK: - What the session tells

  func frameBegins(_ kind: HTTP2FrameKind, stream id: Int32, length: Int) {
    if !hasPreface {
      hasPreface = true
      announced = 24
    }
    settleContent()
    announced += 9 + length
    // What is left of a head that the session did not want is nobody's.
    if kind != .continuation { pendingHead = 0 }
    switch kind {
    case .head:
      pendingHead = 9 + length
      if id <= lastStream && streams[id] == nil { frameOnClosed(id, cost: HTTP2Budget.resetCost) }
    case .continuation: pendingHead += 9 + length
    case .content:
      if length == 0 { budget.spend(1) }
      if let stream = streams[id], !stream.isOver {
        book(9, of: stream)
        contentLeft = length
        contentStream = id
      } else {
        budget.spend(1)
        if id <= lastStream && streams[id] == nil { frameOnClosed(id, cost: 0) }
      }
    case .reset:
      if let stream = streams[id], !stream.isEndSent {
        stream.isResetByClient = true
        budget.spend(HTTP2Budget.resetCost)
      } else {
        budget.spend(1)
      }
    case .priority:
      budget.spend(1)
      // The session leaves priorities unread.
      if id == 0 { fault = HTTP2Code.protocolError }
    case .windowUpdate, .goAway, .control:
      budget.spend(1)
    }
  }

  /// Notes bytes that were received, also those that nobody reads any more.
  func noteReceived(_ count: Int) { fed += count }

  private func book(_ count: Int, of stream: HTTP2Stream) {
    stream.receivedBytes += count
    booked += count
  }

  /// Gives back what was booked for a stream whose exchange is over.
  func unbook(_ count: Int) { booked -= count }

  /// Takes the bytes that came and are no stream's; a head in progress may still become one, until the connection
  /// `isOver`.
  func takeControlReceived(isOver: Bool) -> Int {
    // A head is pending as a whole from its first byte on.
    let count = max(0, fed - booked - (isOver ? 0 : pendingHead))
    booked += count
    return count
  }

  /// Looks for frames that the session leaves unread without a word (unknown types, DATA of closed streams): they are
  /// what was read and not announced.
  func noteUnread() {
    let unknown = fed - announced
    // Less may be a frame's header that is not complete.
    guard hasPreface, unknown >= 9 else { return }
    announced += unknown
    // Content for a stream that was answered early is among it: a whole window of that must pass.
    budget.spend(1 + unknown / 1_024)
  }

  /// What is left of a DATA frame when it is over was padding. Of a stream that has ended meanwhile it is nobody's.
  private func settleContent() {
    guard contentLeft > 0 else { return }
    if let stream = streams[contentStream], !stream.isOver, !stream.isReset {
      book(contentLeft, of: stream)
    }
    contentLeft = 0
  }

  /// A stream that the client itself has ended takes no more frames (RFC 9113 §5.1); libnghttp2 says nothing.
  private func frameOnClosed(_ id: Int32, cost: Int) {
    guard id > 0, id % 2 == 1, !resetStreams.contains(id) else {
      budget.spend(cost)
      return
    }
    reset(id, code: HTTP2Code.streamClosed)
  }

  func frameEnded(_ kind: HTTP2FrameKind, stream id: Int32, length: Int) {
    switch kind {
    case .content: settleContent()
    case .windowUpdate where id != 0:
      if let stream = streams[id] { touchWaiting(stream) }
    case .windowUpdate, .control:
      // A window has opened, or SETTINGS have made one larger.
      touchWaiting()
    case .head, .continuation, .reset, .goAway, .priority: break
    }
  }

  func headBegins(_ id: Int32) {
    headInProgress = id
    wantedHead = 0
    lastStream = max(lastStream, id)
    // Refused at its end: the session would say INTERNAL_ERROR, and the client could not tell that it may try again.
    guard !isGoingAway, streams.count < limits.streamsMax else { return }
    streams[id] = HTTP2Stream(id: id, connection: self)
    requestHead.begin(buffers)
    wantedHead = id
  }

  func field(_ name: RawSpan, _ value: RawSpan, stream id: Int32, isFirst: Bool) -> Bool {
    if isFirst && id != wantedHead { return true }
    // Bound: past it nothing is kept; the head is answered 431, trailers reset the stream.
    let bytesMax = limits.headerListBytesMax
    let taken =
      isFirst
      ? requestHead.take(name, value, bytesMax: bytesMax)
      : streams[id]?.takeTrailer(name, value, bytesMax: bytesMax) ?? .kept
    switch taken {
    case .kept, .leftOut: return true
    case .unknown: return false
    case .excessive:
      budget.spend(HTTP2Budget.bombCost)
      return false
    }
  }

  func headEnded(_ id: Int32, isFirst: Bool, endsStream: Bool) {
    headInProgress = 0
    let bytes = pendingHead
    pendingHead = 0
    guard let stream = streams[id], !stream.isOver else {
      if streams[id] == nil && isFirst { reset(id, code: HTTP2Code.refusedStream) }
      return
    }
    book(bytes, of: stream)
    if isFirst {
      stream.take(
        requestHead.end(headBytesMax: headBytesMax, listBytesMax: limits.headerListBytesMax))
    } else if stream.trailerListBytes > limits.headerListBytesMax {
      reset(id, code: HTTP2Code.protocolError)
    }
    touch(stream)
  }

  func content(_ bytes: RawSpan, stream id: Int32) {
    session.consumeConnection(bytes.byteCount)
    budget.move(bytes.byteCount)
    isDirty = true
    guard let stream = streams[id], !stream.isOver, !stream.isReset else { return }
    contentLeft -= bytes.byteCount
    book(bytes.byteCount, of: stream)
    let incoming = stream.incoming ?? buffers.take()
    stream.incoming = incoming
    if incoming.free < bytes.byteCount { incoming.compact() }
    // Bound: the stream's window, which is no larger than a buffer.
    guard incoming.append(bytes) else {
      stream.isReset = true
      reset(id, code: HTTP2Code.flowControl)
      touch(stream)
      return
    }
    touch(stream)
  }

  func peerEnded(_ id: Int32) {
    guard let stream = streams[id] else { return }
    stream.hasEnded = true
    touch(stream)
  }

  func closed(_ id: Int32, code: UInt32) {
    if headInProgress == id { headInProgress = 0 }
    guard let stream = streams[id] else { return }
    if code != HTTP2Code.noError || !stream.isAtEnd || !stream.hasEnded {
      if !stream.isReset && !stream.isResetByClient && !stream.isOver { malformedHeads += 1 }
      stream.isReset = true
      touch(stream)
    }
    if stream.downstream == nil { streams[id] = nil }
  }

  func fill(_ room: UnsafeMutableRawBufferPointer, stream: Int32) -> HTTP2Content {
    guard let stream = streams[stream] else { return .last(0) }
    let content = unsafe stream.fill(room)
    switch content {
    case .some(let count), .last(let count), .lastBeforeTrailers(let count):
      budget.move(count)
      // A frame that the window did not cut short may be answered with two WINDOW_UPDATE frames, however small it is.
      if count < room.count || count >= HTTP2Budget.bytesPerFrame { budget.earn(2) }
    case .later: break
    }
    return content
  }

  /// The request's head as HTTP/1.1, in a buffer of the pool.
  func takeHead(_ stream: HTTP2Stream, key: (UInt64, UInt64)) -> Buffer {
    guard let head = stream.head.take() else { preconditionFailure("a stream begins once") }
    head.complete(hasContent: !stream.endsWithHead, key: key)
    return head.buffer
  }
}
