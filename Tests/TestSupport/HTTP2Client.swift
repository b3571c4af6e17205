import CNghttp2
import PlainHTTP

/// A blocking loopback client that speaks HTTP/2 frame by frame: it sends exactly what it is told, also what no good
/// client would, and keeps a ledger of its own of each stream's frames.
///
/// Fields go out as literals without Huffman codes and without the dynamic table; what comes back is decoded by
/// libnghttp2. One thread only.
public final class HTTP2Client {
  /// One frame as it is on the wire (RFC 9113 §4.1).
  public struct Frame: Sendable, Equatable {
    public var type: UInt8
    public var flags: UInt8
    public var stream: UInt32
    public var payload: [UInt8]

    public init(_ type: UInt8, flags: UInt8 = 0, stream: UInt32 = 0, _ payload: [UInt8] = []) {
      self.type = type
      self.flags = flags
      self.stream = stream
      self.payload = payload
    }

    /// Its bytes; `length` tells a lie about the payload.
    public func bytes(length: Int? = nil) -> [UInt8] {
      let length = length ?? payload.count
      return [UInt8(length >> 16 & 0xFF), UInt8(length >> 8 & 0xFF), UInt8(length & 0xFF)]
        + [type, flags] + HTTP2Client.word(stream) + payload
    }

    /// The 32-bit number at a place of the payload.
    public func word(at offset: Int) -> UInt32 {
      payload[offset..<(offset + 4)].reduce(0) { $0 << 8 | UInt32($1) }
    }
  }

  /// What came for one stream.
  public struct Stream: Sendable {
    /// Of the final response; 0 before it.
    public var status = 0
    public var fields: [Field] = []
    public var body: [UInt8] = []
    public var trailers: [Field] = []
    /// Statuses of interim responses.
    public var interim: [Int] = []
    /// Whether END_STREAM came.
    public var hasEnded = false
    /// The code of RST_STREAM, if it came.
    public var resetCode: UInt32?
    /// Bytes of the HEADERS, CONTINUATION and DATA frames that were sent and received, with their headers.
    public var bytesSent: UInt64 = 0
    public var bytesReceived: UInt64 = 0

    /// Whether nothing more comes.
    public var isOver: Bool { hasEnded || resetCode != nil }

    /// The first field of this name.
    public subscript(name: String) -> String? { fields.first { $0.name == name }?.value }
  }

  /// A field of a head or of trailers.
  public struct Field: Sendable, Equatable {
    public var name: String
    public var value: String

    public init(name: String, value: String) {
      self.name = name
      self.value = value
    }
  }

  public static let data: UInt8 = 0
  public static let headers: UInt8 = 1
  public static let priority: UInt8 = 2
  public static let resetStream: UInt8 = 3
  public static let settings: UInt8 = 4
  public static let ping: UInt8 = 6
  public static let goAway: UInt8 = 7
  public static let windowUpdate: UInt8 = 8
  public static let continuation: UInt8 = 9
  /// Flags: END_STREAM (of DATA and HEADERS; ACK of SETTINGS and PING is the same bit), END_HEADERS, PADDED.
  public static let endStream: UInt8 = 1
  public static let endHeaders: UInt8 = 4
  public static let padded: UInt8 = 8
  /// What each client says first (RFC 9113 §3.4).
  public static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

  /// The connection below.
  public let raw: RawClient
  /// What came, by stream.
  public private(set) var streams: [UInt32: Stream] = [:]
  /// The frames of the connection that came: SETTINGS, PING, GOAWAY and WINDOW_UPDATE.
  public private(set) var control: [Frame] = []
  /// Whether windows are opened again as content comes.
  public var opensWindows = true
  private let inflater: HeaderInflater
  private var block: [UInt8] = []
  private var blockEnds = false

  /// Connects, and sends the preface with these SETTINGS.
  public init(
    port: UInt16, settings: [(id: UInt16, value: UInt32)] = [], sendsPreface: Bool = true,
    timeoutMilliseconds: Int = 10_000
  ) throws {
    raw = try RawClient(port: port, timeoutMilliseconds: timeoutMilliseconds)
    inflater = HeaderInflater()
    if sendsPreface {
      try raw.send(Self.preface + Self.settingsFrame(settings).bytes())
    }
  }

  /// A SETTINGS frame.
  public static func settingsFrame(_ settings: [(id: UInt16, value: UInt32)]) -> Frame {
    Frame(
      Self.settings,
      settings.flatMap { [UInt8($0.id >> 8), UInt8($0.id & 0xFF)] + word($0.value) })
  }

  /// Four bytes, most significant first.
  public static func word(_ value: UInt32) -> [UInt8] {
    [
      UInt8(value >> 24 & 0xFF), UInt8(value >> 16 & 0xFF), UInt8(value >> 8 & 0xFF),
      UInt8(value & 0xFF),
    ]
  }

  /// A field block of literals (RFC 7541 §6.2.2).
  public static func block(_ fields: [(String, String)]) -> [UInt8] {
    block(bytes: fields.map { (Array($0.0.utf8), Array($0.1.utf8)) })
  }

  /// The same of any bytes.
  public static func block(bytes fields: [([UInt8], [UInt8])]) -> [UInt8] {
    fields.flatMap { [0] + integer($0.0.count) + $0.0 + integer($0.1.count) + $0.1 }
  }

  /// An integer with a prefix of seven bits (RFC 7541 §5.1).
  public static func integer(_ value: Int, prefix: Int = 7) -> [UInt8] {
    let most = 1 << prefix - 1
    if value < most { return [UInt8(value)] }
    var bytes = [UInt8(most)]
    var rest = value - most
    while rest >= 128 {
      bytes.append(UInt8(rest & 127 | 128))
      rest >>= 7
    }
    return bytes + [UInt8(rest)]
  }

  /// The pseudo-fields of a plain request, and these fields.
  public static func request(
    _ method: String = "GET", _ path: String = "/", authority: String = "h",
    _ fields: [(String, String)] = []
  ) -> [(String, String)] {
    [
      (":method", method), (":scheme", "http"), (":path", path), (":authority", authority),
    ] + fields
  }

  /// Sends frames with one call, and books those that belong to streams.
  public func send(_ frames: Frame...) throws { try send(frames) }

  /// The same.
  public func send(_ frames: [Frame]) throws {
    for frame in frames where [Self.data, Self.headers, Self.continuation].contains(frame.type) {
      streams[frame.stream, default: Stream()].bytesSent += UInt64(9 + frame.payload.count)
    }
    try raw.send(frames.flatMap { $0.bytes() })
  }

  /// Sends a head, or trailers, in one HEADERS frame.
  public func send(
    head fields: [(String, String)], stream: UInt32, ends: Bool = true
  ) throws {
    try send(Self.head(fields, stream: stream, ends: ends))
  }

  /// A HEADERS frame.
  public static func head(
    _ fields: [(String, String)], stream: UInt32, ends: Bool = true
  ) -> Frame {
    Frame(
      headers, flags: endHeaders | (ends ? endStream : 0), stream: stream, block(fields))
  }

  /// Sends content in one DATA frame.
  public func send(data bytes: [UInt8], stream: UInt32, ends: Bool = false) throws {
    try send(Frame(Self.data, flags: ends ? Self.endStream : 0, stream: stream, bytes))
  }

  /// Sends content in frames of at most 16,384 bytes as far as the server opens its windows.
  public func upload(_ bytes: [UInt8], stream: UInt32, ends: Bool = true) throws {
    var rest = bytes[...]
    var sent = 0
    while !rest.isEmpty {
      let window = min(
        opened(stream: 0) + 65_535 - uploaded, opened(stream: stream) + 65_535 - sent)
      guard window > 0 else {
        guard try readFrame() != nil else {
          throw TestSupportError.process("no window, but an end")
        }
        if streams[stream]?.resetCode != nil { return }
        continue
      }
      let count = min(rest.count, 16_384, window)
      let isLast = count == rest.count
      try send(data: Array(rest.prefix(count)), stream: stream, ends: ends && isLast)
      rest = rest.dropFirst(count)
      sent += count
      uploaded += count
    }
  }
  private var uploaded = 0

  private func opened(stream: UInt32) -> Int {
    control.reduce(0) {
      $1.type == Self.windowUpdate && $1.stream == stream ? $0 + Int($1.word(at: 0)) : $0
    }
  }

  /// Lets the server send so many bytes more.
  public func openWindow(_ count: UInt32, stream: UInt32 = 0) throws {
    try send(Frame(Self.windowUpdate, stream: stream, Self.word(count)))
  }

  /// The next frame, booked; nil when the server closed.
  public func readFrame() throws -> Frame? {
    guard let header = try? raw.readBytes(9) else { return nil }
    let length = Int(header[0]) << 16 | Int(header[1]) << 8 | Int(header[2])
    var frame = Frame(header[3], flags: header[4], stream: 0)
    frame.stream = header[5..<9].reduce(0) { $0 << 8 | UInt32($1) }
    frame.payload = try raw.readBytes(length)
    try book(frame)
    return frame
  }

  private func book(_ frame: Frame) throws {
    switch frame.type {
    case Self.data:
      streams[frame.stream, default: Stream()].bytesReceived += UInt64(9 + frame.payload.count)
      streams[frame.stream]?.body += frame.payload
      if frame.flags & Self.endStream != 0 { streams[frame.stream]?.hasEnded = true }
      guard opensWindows, !frame.payload.isEmpty else { return }
      let size = Self.word(UInt32(frame.payload.count))
      try? raw.send(Frame(Self.windowUpdate, size).bytes())
      if frame.flags & Self.endStream == 0 {
        try? raw.send(Frame(Self.windowUpdate, stream: frame.stream, size).bytes())
      }
    case Self.headers, Self.continuation:
      streams[frame.stream, default: Stream()].bytesReceived += UInt64(9 + frame.payload.count)
      if frame.type == Self.headers { blockEnds = frame.flags & Self.endStream != 0 }
      block += frame.payload
      guard frame.flags & Self.endHeaders != 0 else { return }
      book(inflater.inflate(block), stream: frame.stream)
      block = []
    case Self.resetStream:
      streams[frame.stream, default: Stream()].resetCode = frame.word(at: 0)
    case Self.settings:
      control.append(frame)
      if frame.flags & 1 == 0 { try? raw.send(Frame(Self.settings, flags: 1).bytes()) }
    default: control.append(frame)
    }
  }

  private func book(_ fields: [Field], stream id: UInt32) {
    var stream = streams[id, default: Stream()]
    if let status = fields.first(where: { $0.name == ":status" }).flatMap({ Int($0.value) }) {
      if status < 200 {
        stream.interim.append(status)
      } else {
        stream.status = status
        stream.fields = fields
      }
    } else {
      stream.trailers = fields
    }
    if blockEnds { stream.hasEnded = true }
    streams[id] = stream
  }

  /// Reads until a stream is over, or the server closes.
  @discardableResult
  public func finish(_ stream: UInt32) throws -> Stream {
    while !(streams[stream]?.isOver ?? false) {
      guard try readFrame() != nil else { break }
    }
    return streams[stream] ?? Stream()
  }

  /// Reads until the server closes, and returns the code of the last GOAWAY; nil when there was none.
  @discardableResult
  public func readToEnd() throws -> UInt32? {
    while try readFrame() != nil {}
    return goAwayCode
  }

  /// Says that nothing more comes, reads what the server still has to say, and closes.
  public func leave() throws {
    raw.shutdownSending()
    while (try? raw.readBytes(1)) != nil {}
    raw.close()
  }

  /// The code of the last GOAWAY so far.
  public var goAwayCode: UInt32? {
    control.last { $0.type == Self.goAway }.map { $0.word(at: 4) }
  }

  /// Sends a PING and reads until its answer: whatever was sent before has been dealt with then. False when the server
  /// closed instead.
  @discardableResult
  public func roundTrip(_ mark: UInt32 = 7) throws -> Bool {
    let payload = Self.word(mark) + Self.word(0)
    try send(Frame(Self.ping, payload))
    while let frame = try readFrame() {
      if frame.type == Self.ping && frame.flags & 1 != 0 && frame.payload == payload { return true }
    }
    return false
  }

  /// Sends a request without content and reads its response.
  public func get(
    _ path: String = "/", stream: UInt32, _ fields: [(String, String)] = []
  ) throws -> Stream {
    try send(head: Self.request("GET", path, fields), stream: stream)
    return try finish(stream)
  }
}

/// The decoder of field blocks that comes with libnghttp2.
@safe
public final class HeaderInflater {
  private var inflater: OpaquePointer?

  public init() {
    let status = unsafe nghttp2_hd_inflate_new(&inflater)
    precondition(status == 0, "no memory")
  }

  deinit { unsafe nghttp2_hd_inflate_del(inflater) }

  /// The fields of one whole block.
  public func inflate(_ block: [UInt8]) -> [HTTP2Client.Field] {
    var fields: [HTTP2Client.Field] = []
    var rest = block[...]
    while true {
      var pair = unsafe nghttp2_nv()
      var flags: Int32 = 0
      // Safe: the slice's own storage, for the call only; what it says of `pair` is copied before the next call.
      let taken = unsafe rest.withUnsafeBufferPointer { bytes in
        unsafe nghttp2_hd_inflate_hd2(
          inflater, &pair, &flags, bytes.baseAddress, bytes.count, 1)
      }
      precondition(taken >= 0, "the server's field block is broken")
      rest = rest.dropFirst(taken)
      if UInt32(flags) & NGHTTP2_HD_INFLATE_EMIT.rawValue != 0 {
        unsafe fields.append(
          HTTP2Client.Field(
            name: text(pair.name, pair.namelen), value: text(pair.value, pair.valuelen)))
      }
      if UInt32(flags) & NGHTTP2_HD_INFLATE_FINAL.rawValue != 0 {
        unsafe nghttp2_hd_inflate_end_headers(inflater)
        return fields
      }
    }
  }

  private func text(_ bytes: UnsafeMutablePointer<UInt8>?, _ count: Int) -> String {
    // Safe: libnghttp2 says how long its text is.
    unsafe String(decoding: UnsafeBufferPointer(start: bytes, count: count), as: UTF8.self)
  }
}
