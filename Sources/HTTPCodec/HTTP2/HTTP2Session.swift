import CNghttp2

/// What a frame is, as far as anybody here asks.
public enum HTTP2FrameKind: Sendable, Equatable {
  /// HEADERS.
  case head
  /// CONTINUATION.
  case continuation
  /// DATA.
  case content
  /// WINDOW_UPDATE.
  case windowUpdate
  /// RST_STREAM.
  case reset
  /// GOAWAY.
  case goAway
  /// PRIORITY.
  case priority
  /// SETTINGS, PING and whatever else keeps the connection going.
  case control

  init(_ type: UInt8) {
    switch UInt32(type) {
    case NGHTTP2_HEADERS.rawValue: self = .head
    case NGHTTP2_CONTINUATION.rawValue: self = .continuation
    case NGHTTP2_DATA.rawValue: self = .content
    case NGHTTP2_WINDOW_UPDATE.rawValue: self = .windowUpdate
    case NGHTTP2_RST_STREAM.rawValue: self = .reset
    case NGHTTP2_GOAWAY.rawValue: self = .goAway
    case NGHTTP2_PRIORITY.rawValue: self = .priority
    default: self = .control
    }
  }
}

/// A frame that was written, head to end.
public struct HTTP2SentFrame: Sendable, Equatable {
  public let kind: HTTP2FrameKind
  /// 0 for the connection.
  public let stream: Int32
  /// Its bytes with its header; those of its CONTINUATION frames, too.
  public internal(set) var bytes = 0
  /// Whether it ends the stream in good order.
  public let endsStream: Bool
  /// The error code of RST_STREAM and GOAWAY, else 0.
  public let code: UInt32
}

/// What a session tells while it reads and writes. Calls come from inside of `receive` and `send`; none of them may call
/// the session back but where it says so.
public protocol HTTP2SessionDelegate: AnyObject {
  /// A frame's header has come; `length` bytes follow it.
  func frameBegins(_ kind: HTTP2FrameKind, stream: Int32, length: Int)
  /// A whole frame has come, with its CONTINUATION frames.
  func frameEnded(_ kind: HTTP2FrameKind, stream: Int32, length: Int)
  /// A request's head begins. Only a server is told.
  func headBegins(_ stream: Int32)
  /// A field of a block, pseudo-fields first; false resets the stream (INTERNAL_ERROR) and has the rest of the block
  /// decoded without a look. `isFirst` is false for whatever comes behind the stream's first head: trailers, and
  /// what follows an interim response.
  func field(_ name: RawSpan, _ value: RawSpan, stream: Int32, isFirst: Bool) -> Bool
  /// A block of fields is complete; `endsStream` says whether it is the last that the peer sends on the stream.
  func headEnded(_ stream: Int32, isFirst: Bool, endsStream: Bool)
  /// Content of a message.
  func content(_ bytes: RawSpan, stream: Int32)
  /// The peer sends nothing more on this stream.
  func peerEnded(_ stream: Int32)
  /// The stream is closed, by both ends or by a reset with this code (RFC 9113 §7).
  func closed(_ stream: Int32, code: UInt32)
  /// Puts content of the own message into `room`.
  func fill(_ room: UnsafeMutableRawBufferPointer, stream: Int32) -> HTTP2Content
}

/// What there is to send of a message's content.
public enum HTTP2Content: Equatable, Sendable {
  /// This many bytes, more to come.
  case some(Int)
  /// This many bytes, and they are the last.
  case last(Int)
  /// This many bytes, the last before the trailers, which `submitTrailers` has announced or will from inside.
  case lastBeforeTrailers(Int)
  /// Nothing for now; `resume` asks again.
  case later
}

/// Which side of a connection a session is.
public enum HTTP2Role: Sendable {
  /// Answers requests.
  case server
  /// Makes requests.
  case client
}

/// Bounds of a session.
public struct HTTP2Limits: Sendable, Equatable {
  /// Streams that a client may have open (SETTINGS_MAX_CONCURRENT_STREAMS), of use to a server only. Default 100.
  public var streamsMax = 100
  /// Bytes of a header list, decoded (SETTINGS_MAX_HEADER_LIST_SIZE). Default 64 KiB.
  public var headerListBytesMax = 65_536
  /// Bytes of content that a stream may send ahead (SETTINGS_INITIAL_WINDOW_SIZE), 65,535 at most here.
  public var streamWindow = 65_535
  /// Bytes of content that all streams together may send ahead. Default 1 MiB.
  public var connectionWindow = 1_048_576

  /// The defaults.
  public init() {}
}

/// One side of an HTTP/2 connection (RFC 9113): frames in, events out; messages in, frames out. No sockets.
///
/// Field blocks, flow control, stream states and the validity of messages are libnghttp2's. Owned by one thread.
@safe
public final class HTTP2Session {
  private var session: OpaquePointer?
  fileprivate let events: any HTTP2Events
  /// The frame that was sent last, its length apart.
  fileprivate var sentFrame: HTTP2SentFrame?
  /// Bytes of output that were lent out and whose frame is not complete.
  public private(set) var partBytes = 0

  /// A session that has its SETTINGS to send. Nil when there is no memory. `delegate` is not kept alive: it owns the session,
  /// and is told only while a call that it makes is under way.
  public init?(
    _ limits: HTTP2Limits, as role: HTTP2Role = .server, delegate: some HTTP2SessionDelegate
  ) {
    events = UncountedDelegate(delegate)
    guard let callbacks = unsafe Self.makeCallbacks(), let option = unsafe Self.makeOption() else {
      return nil
    }
    defer {
      unsafe nghttp2_session_callbacks_del(callbacks)
      unsafe nghttp2_option_del(option)
    }
    var made: OpaquePointer?
    let context = unsafe Unmanaged.passUnretained(self).toOpaque()
    let result =
      switch role {
      case .server: unsafe nghttp2_session_server_new2(&made, callbacks, context, option)
      case .client: unsafe nghttp2_session_client_new2(&made, callbacks, context, option)
      }
    guard result == 0 else { return nil }
    unsafe session = made
    let own =
      switch role {
      case .server:
        [
          (NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits.streamsMax),
          // WebSockets as streams (RFC 8441).
          (NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1),
        ]
      case .client: [(NGHTTP2_SETTINGS_ENABLE_PUSH, 0)]
      }
    let common = [
      (NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits.streamWindow),
      (NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, limits.headerListBytesMax),
      // Trees of priorities are work and memory that clients could ask for (RFC 9113 §5.3.2).
      (NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1),
    ]
    let settings = (own + common).map {
      nghttp2_settings_entry(settings_id: Int32($0.0.rawValue), value: UInt32($0.1))
    }
    guard
      unsafe nghttp2_submit_settings(
        made, UInt8(NGHTTP2_FLAG_NONE.rawValue), settings, settings.count)
        == 0,
      unsafe nghttp2_session_set_local_window_size(
        made, UInt8(NGHTTP2_FLAG_NONE.rawValue), 0, Int32(limits.connectionWindow)) == 0
    else {
      unsafe nghttp2_session_del(made)
      unsafe session = nil
      return nil
    }
  }

  deinit { unsafe nghttp2_session_del(session) }

  /// Whether there is nothing left to read or write: the connection may be closed.
  public var isOver: Bool {
    unsafe nghttp2_session_want_read(session) == 0 && nghttp2_session_want_write(session) == 0
  }

  /// Takes bytes of the connection in. An error code (RFC 9113 §7) when nothing more can be read: the caller ends the
  /// connection with it. Faults that the session itself answers with GOAWAY show when that is sent.
  public func receive(_ bytes: RawSpan) -> UInt32? {
    // Safe: the pointer does not leave the call.
    let taken = unsafe bytes.withUnsafeBytes { buffer in
      unsafe nghttp2_session_mem_recv(
        session, buffer.baseAddress?.assumingMemoryBound(to: UInt8.self), buffer.count)
    }
    if taken == bytes.byteCount { return nil }
    switch Int32(taken) {
    case NGHTTP2_ERR_FLOODED.rawValue, NGHTTP2_ERR_TOO_MANY_CONTINUATIONS.rawValue,
      NGHTTP2_ERR_TOO_MANY_SETTINGS.rawValue:
      return NGHTTP2_ENHANCE_YOUR_CALM.rawValue
    case NGHTTP2_ERR_NOMEM.rawValue, NGHTTP2_ERR_CALLBACK_FAILURE.rawValue:
      return NGHTTP2_INTERNAL_ERROR.rawValue
    default: return NGHTTP2_PROTOCOL_ERROR.rawValue
    }
  }

  /// The next piece of output, lent to `body`, with the frame that it completes; false when there is none, nil when the
  /// session has failed. Ask only when there is room for `pieceBytesMax`.
  public func send(_ body: (RawSpan, HTTP2SentFrame?) -> Void) -> Bool? {
    var piece: UnsafePointer<UInt8>?
    sentFrame = nil
    let count = unsafe nghttp2_session_mem_send(session, &piece)
    guard count >= 0 else { return nil }
    guard count > 0, let piece = unsafe piece else { return false }
    partBytes += count
    if sentFrame != nil {
      sentFrame?.bytes = partBytes
      partBytes = 0
    }
    // Safe: the bytes are good until the next call.
    unsafe body(RawSpan(_unsafeStart: piece, byteCount: count), sentFrame)
    return true
  }

  /// Bytes of a piece of output at most: a frame of the size that every peer takes, and its header.
  public static let pieceBytesMax = 16_384 + 9 + 256

  /// Begins a response, or sends an interim one. Names are in lower case, `:status` comes first. `hasContent` says
  /// whether `fill` will be asked; without it the stream is ended here. False when the stream is gone.
  public func submitHead(
    _ fields: HTTP2Fields, stream: Int32, isInterim: Bool, hasContent: Bool
  ) -> Bool {
    unsafe fields.withEntries { entries in
      if isInterim {
        return unsafe nghttp2_submit_headers(
          session, UInt8(NGHTTP2_FLAG_NONE.rawValue), stream, nil, entries.baseAddress,
          entries.count, nil) == 0
      }
      guard hasContent else {
        return unsafe nghttp2_submit_response(
          session, stream, entries.baseAddress, entries.count, nil) == 0
      }
      var provider = unsafe nghttp2_data_provider()
      unsafe provider.read_callback = provideContent
      return unsafe nghttp2_submit_response(
        session, stream, entries.baseAddress, entries.count, &provider) == 0
    }
  }

  /// Begins a request and returns its stream. Names are in lower case, pseudo-fields come first. `hasContent` says whether
  /// `fill` will be asked; without it the stream is ended here. Nil when the connection takes no further request.
  public func submitRequest(_ fields: HTTP2Fields, hasContent: Bool) -> Int32? {
    let stream = unsafe fields.withEntries { entries in
      guard hasContent else {
        return unsafe nghttp2_submit_request(
          session, nil, entries.baseAddress, entries.count, nil, nil)
      }
      var provider = unsafe nghttp2_data_provider()
      unsafe provider.read_callback = provideContent
      return unsafe nghttp2_submit_request(
        session, nil, entries.baseAddress, entries.count, &provider, nil)
    }
    return stream > 0 ? stream : nil
  }

  /// Whether a client may begin a further request: the peer has not said that it leaves, and numbers are left.
  public var mayRequest: Bool { unsafe nghttp2_session_check_request_allowed(session) != 0 }

  /// Requests that the peer serves at one time; 100 until it has said so.
  public var peerStreamsMax: Int {
    Int(
      unsafe nghttp2_session_get_remote_settings(
        session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS))
  }

  /// Sends trailers and ends the stream. Allowed from inside of `fill`.
  public func submitTrailers(_ fields: HTTP2Fields, stream: Int32) -> Bool {
    unsafe fields.withEntries { entries in
      unsafe nghttp2_submit_trailer(session, stream, entries.baseAddress, entries.count) == 0
    }
  }

  /// Asks `fill` again, which said `later`.
  public func resume(_ stream: Int32) { _ = unsafe nghttp2_session_resume_data(session, stream) }

  /// Ends a stream at once with this code.
  public func reset(_ stream: Int32, code: UInt32) {
    _ = unsafe nghttp2_submit_rst_stream(
      session, UInt8(NGHTTP2_FLAG_NONE.rawValue), stream, code)
  }

  /// Lets the client send this many bytes more on a stream that has taken them.
  public func consume(_ count: Int, stream: Int32) {
    guard count > 0 else { return }
    _ = unsafe nghttp2_session_consume_stream(session, stream, count)
  }

  /// Lets the client send this many bytes more on the connection.
  public func consumeConnection(_ count: Int) {
    guard count > 0 else { return }
    _ = unsafe nghttp2_session_consume_connection(session, count)
  }

  /// Asks the peer for a sign of life (RFC 9113 §6.7).
  public func ping() {
    _ = unsafe nghttp2_submit_ping(session, UInt8(NGHTTP2_FLAG_NONE.rawValue), nil)
  }

  /// Tells the client that the connection will end, but not yet from which stream on (RFC 9113 §6.8).
  public func announceShutdown() { _ = unsafe nghttp2_submit_shutdown_notice(session) }

  /// Tells the client that no further stream is served. Streams that are open go on.
  public func goAway(code: UInt32) {
    let last = unsafe nghttp2_session_get_last_proc_stream_id(session)
    _ = unsafe nghttp2_submit_goaway(
      session, UInt8(NGHTTP2_FLAG_NONE.rawValue), last, code, nil, 0)
  }

  /// Has the connection end as soon as what waits is sent.
  public func terminate(code: UInt32) {
    _ = unsafe nghttp2_session_terminate_session(session, code)
  }

  // MARK: - Set-up

  private static func makeOption() -> OpaquePointer? {
    var option: OpaquePointer?
    guard unsafe nghttp2_option_new(&option) == 0 else { return nil }
    // Windows open as content is passed on: back pressure.
    unsafe nghttp2_option_set_no_auto_window_update(option, 1)
    // Closed streams and priorities are not kept: they are memory for nothing.
    unsafe nghttp2_option_set_no_closed_streams(option, 1)
    unsafe nghttp2_option_set_max_continuations(option, 8)
    unsafe nghttp2_option_set_max_settings(option, 32)
    unsafe nghttp2_option_set_max_outbound_ack(option, 1_000)
    // The second line only: the caller keeps a budget of its own, with a better error code.
    unsafe nghttp2_option_set_stream_reset_rate_limit(option, 10_000, 1_000)
    unsafe nghttp2_option_set_max_deflate_dynamic_table_size(option, 4_096)
    return unsafe option
  }

  private static func makeCallbacks() -> OpaquePointer? {
    var callbacks: OpaquePointer?
    guard unsafe nghttp2_session_callbacks_new(&callbacks) == 0 else { return nil }
    unsafe nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks) { _, header, context in
      guard let header = unsafe header else { return 0 }
      let frame = unsafe header.pointee
      unsafe tell(context) {
        $0.frameBegins(HTTP2FrameKind(frame.type), stream: frame.stream_id, length: frame.length)
      }
      return 0
    }
    unsafe nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks) { _, frame, context in
      guard let frame = unsafe frame, unsafe frame.pointee.headers.cat == NGHTTP2_HCAT_REQUEST
      else {
        return 0
      }
      let stream = unsafe frame.pointee.hd.stream_id
      unsafe tell(context) { $0.headBegins(stream) }
      return 0
    }
    // Without this a field that breaks the rules would be left out in silence; so it makes the message malformed.
    unsafe nghttp2_session_callbacks_set_on_invalid_header_callback2(callbacks) {
      _, _, _, _, _, _ in NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue
    }
    unsafe nghttp2_session_callbacks_set_on_header_callback(callbacks) {
      _, frame, name, nameCount, value, valueCount, _, context in
      guard let frame = unsafe frame, let name = unsafe name, let value = unsafe value else {
        return 0
      }
      let isFirst = unsafe isFirst(frame.pointee.headers.cat)
      let stream = unsafe frame.pointee.hd.stream_id
      var isTaken = false
      // Safe: the bytes are good for the call.
      unsafe tell(context) {
        isTaken = unsafe $0.field(
          RawSpan(_unsafeStart: name, byteCount: nameCount),
          RawSpan(_unsafeStart: value, byteCount: valueCount), stream: stream, isFirst: isFirst)
      }
      return isTaken ? 0 : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue
    }
    unsafe nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks) {
      _, _, stream, bytes, count, context in
      guard let bytes = unsafe bytes else { return 0 }
      // Safe: the bytes are good for the call.
      unsafe tell(context) {
        unsafe $0.content(RawSpan(_unsafeStart: bytes, byteCount: count), stream: stream)
      }
      return 0
    }
    unsafe nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks) { _, frame, context in
      guard let frame = unsafe frame else { return 0 }
      let header = unsafe frame.pointee.hd
      let kind = HTTP2FrameKind(header.type)
      let endsStream = header.flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0
      let isFirst = unsafe kind == .head && isFirst(frame.pointee.headers.cat)
      unsafe tell(context) {
        $0.frameEnded(kind, stream: header.stream_id, length: header.length)
        if kind == .head {
          $0.headEnded(header.stream_id, isFirst: isFirst, endsStream: endsStream)
        }
        if endsStream && (kind == .head || kind == .content) { $0.peerEnded(header.stream_id) }
      }
      return 0
    }
    unsafe nghttp2_session_callbacks_set_on_stream_close_callback(callbacks) {
      _, stream, code, context in
      unsafe tell(context) { $0.closed(stream, code: code) }
      return 0
    }
    unsafe nghttp2_session_callbacks_set_on_frame_send_callback(callbacks) { _, frame, context in
      guard let frame = unsafe frame, let context = unsafe context else { return 0 }
      let header = unsafe frame.pointee.hd
      let kind = HTTP2FrameKind(header.type)
      let code =
        switch kind {
        case .reset: unsafe frame.pointee.rst_stream.error_code
        case .goAway: unsafe frame.pointee.goaway.error_code
        case .head, .continuation, .content, .windowUpdate, .priority, .control: UInt32(0)
        }
      let carriesEnd = kind == .head || kind == .content
      let endsStream = carriesEnd && header.flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0
      unsafe Unmanaged<HTTP2Session>.fromOpaque(context)._withUnsafeGuaranteedRef {
        $0.sentFrame = HTTP2SentFrame(
          kind: kind, stream: header.stream_id, endsStream: endsStream, code: code)
      }
      return 0
    }
    return unsafe callbacks
  }

  fileprivate func fill(
    _ stream: Int32, _ room: UnsafeMutableRawBufferPointer, _ flags: UnsafeMutablePointer<UInt32>
  ) -> Int {
    switch unsafe events.fill(room, stream: stream) {
    case .some(let count): return count
    case .last(let count):
      unsafe flags.pointee |= NGHTTP2_DATA_FLAG_EOF.rawValue
      return count
    case .lastBeforeTrailers(let count):
      unsafe flags.pointee |=
        NGHTTP2_DATA_FLAG_EOF.rawValue | NGHTTP2_DATA_FLAG_NO_END_STREAM.rawValue
      return count
    case .later: return Int(NGHTTP2_ERR_DEFERRED.rawValue)
    }
  }
}

/// Whether a block of fields is a stream's first.
private func isFirst(_ category: nghttp2_headers_category) -> Bool {
  category == NGHTTP2_HCAT_REQUEST || category == NGHTTP2_HCAT_RESPONSE
}

/// libnghttp2 asks for content of a message.
private func provideContent(
  _ session: OpaquePointer?, _ stream: Int32, _ bytes: UnsafeMutablePointer<UInt8>?, _ count: Int,
  _ flags: UnsafeMutablePointer<UInt32>?, _ source: UnsafeMutablePointer<nghttp2_data_source>?,
  _ context: UnsafeMutableRawPointer?
) -> Int {
  guard let context = unsafe context, let flags = unsafe flags else {
    return Int(NGHTTP2_ERR_CALLBACK_FAILURE.rawValue)
  }
  let room = unsafe UnsafeMutableRawBufferPointer(start: bytes, count: count)
  return unsafe Unmanaged<HTTP2Session>.fromOpaque(context)._withUnsafeGuaranteedRef {
    unsafe $0.fill(stream, room, flags)
  }
}

/// Tells the delegate of the session in `context`.
@unsafe @inline(__always)
private func tell(_ context: UnsafeMutableRawPointer?, _ body: (any HTTP2Events) -> Void) {
  guard let context = unsafe context else { return }
  // Safe: the session lives as long as calls into libnghttp2 are made through it.
  unsafe Unmanaged<HTTP2Session>.fromOpaque(context)._withUnsafeGuaranteedRef { body($0.events) }
}
