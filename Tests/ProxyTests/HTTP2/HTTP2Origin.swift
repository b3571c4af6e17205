import PlainHTTP
import Platform
import Synchronization
import TestSupport

@testable import Proxy

/// The server's side of an HTTP/2 connection, frame by frame, on a connection of an `Origin`: it sends exactly what it is told,
/// also what no good server would, and keeps a ledger of the frames of requests and responses.
///
/// One thread only.
final class HTTP2Origin {
  typealias Frame = HTTP2Client.Frame

  /// What came for one stream.
  struct Request {
    var id: UInt32 = 0
    var fields: [HTTP2Client.Field] = []
    var content: [UInt8] = []
    var trailers: [HTTP2Client.Field] = []
    var hasEnded = false
    /// Whether END_STREAM came with the head.
    var endsWithHead = false
    /// The code of RST_STREAM, if it came.
    var resetCode: UInt32?

    subscript(name: String) -> String? { fields.first { $0.name == name }?.value }
  }

  let connection: Origin.Connection
  /// What came, by stream.
  private(set) var requests: [UInt32: Request] = [:]
  /// The frames of the connection that came.
  private(set) var control: [Frame] = []
  /// Whether windows are opened again as content comes.
  var opensWindows = true
  /// Bytes of HEADERS, CONTINUATION and DATA frames with their headers.
  private(set) var requestBytes: UInt64 = 0
  private(set) var responseBytes: UInt64 = 0
  private let inflater = HeaderInflater()
  private var block: [UInt8] = []
  private var blockEnds = false
  private var handedOut: Set<UInt32> = []
  private var windows: [UInt32: Int] = [:]
  private var initialWindow = 65_535

  /// Reads the preface and sends SETTINGS; nil when the peer closed instead.
  init?(_ connection: Origin.Connection, settings: [(id: UInt16, value: UInt32)] = []) throws {
    self.connection = connection
    guard let first = try Self.read(connection, HTTP2Client.preface.count) else { return nil }
    guard first == HTTP2Client.preface else {
      throw TestSupportError.process("no preface: \(String(decoding: first, as: UTF8.self))")
    }
    try connection.send(HTTP2Client.settingsFrame(settings).bytes())
  }

  private static func read(_ connection: Origin.Connection, _ count: Int) throws -> [UInt8]? {
    var bytes: [UInt8] = []
    while bytes.count < count {
      guard let piece = try connection.reader.some(atMost: count - bytes.count) else { return nil }
      bytes += piece
    }
    return bytes
  }

  /// Sends frames with one call.
  func send(_ frames: Frame...) throws { try send(frames) }

  /// The same.
  func send(_ frames: [Frame]) throws {
    for frame in frames where [0, 1, 9].contains(frame.type) {
      responseBytes += UInt64(9 + frame.payload.count)
    }
    try connection.send(frames.flatMap { $0.bytes() })
  }

  /// A response's head.
  static func head(
    _ stream: UInt32, _ status: Int = 200, _ fields: [(String, String)] = [], ends: Bool = false
  ) -> Frame {
    HTTP2Client.head([(":status", String(status))] + fields, stream: stream, ends: ends)
  }

  /// Content in one frame.
  static func data(_ stream: UInt32, _ content: [UInt8], ends: Bool = true) -> Frame {
    Frame(HTTP2Client.data, flags: ends ? 1 : 0, stream: stream, content)
  }

  /// Sends a response with its length.
  func answer(_ stream: UInt32, _ content: String = "ok") throws {
    try send(
      Self.head(stream, 200, [("content-length", String(content.utf8.count))]),
      Self.data(stream, Array(content.utf8)))
  }

  /// Sends content in frames as far as the peer opens its windows; returns how much went before it reset the stream.
  @discardableResult
  func upload(_ content: [UInt8], stream: UInt32, ends: Bool = true) throws -> Int {
    var rest = content[...]
    while !rest.isEmpty {
      let window = min(windows[0, default: 65_535], windows[stream, default: initialWindow])
      guard window > 0 else {
        guard try readFrame() != nil, requests[stream]?.resetCode == nil else { break }
        continue
      }
      let count = min(rest.count, 16_384, window)
      try send(Self.data(stream, Array(rest.prefix(count)), ends: ends && count == rest.count))
      rest = rest.dropFirst(count)
      windows[0, default: 65_535] -= count
      windows[stream, default: initialWindow] -= count
    }
    return content.count - rest.count
  }

  /// The next request that is complete and was not returned before; nil when the peer closed.
  func request() throws -> Request? {
    while true {
      let next = requests.values.filter { $0.hasEnded && !handedOut.contains($0.id) }
        .min { $0.id < $1.id }
      if let next {
        handedOut.insert(next.id)
        return next
      }
      guard try readFrame() != nil else { return nil }
    }
  }

  /// Reads until this holds; false when the peer closed before.
  @discardableResult
  func read(until holds: () -> Bool) throws -> Bool {
    while !holds() {
      guard try readFrame() != nil else { return false }
    }
    return true
  }

  /// Reads until the peer closes.
  func drain() throws { while try readFrame() != nil {} }

  /// The next frame, booked; nil when the peer closed.
  func readFrame() throws -> Frame? {
    guard let header = try Self.read(connection, 9) else { return nil }
    let length = Int(header[0]) << 16 | Int(header[1]) << 8 | Int(header[2])
    var frame = Frame(header[3], flags: header[4])
    frame.stream = header[5..<9].reduce(0) { $0 << 8 | UInt32($1) }
    frame.payload = try Self.read(connection, length) ?? []
    try book(frame)
    return frame
  }

  private func book(_ frame: Frame) throws {
    let id = frame.stream
    switch frame.type {
    case HTTP2Client.data:
      requestBytes += UInt64(9 + frame.payload.count)
      requests[id]?.content += frame.payload
      if frame.flags & 1 != 0 { requests[id]?.hasEnded = true }
      guard opensWindows, !frame.payload.isEmpty else { return }
      let size = HTTP2Client.word(UInt32(frame.payload.count))
      try? send(
        Frame(HTTP2Client.windowUpdate, size), Frame(HTTP2Client.windowUpdate, stream: id, size))
    case HTTP2Client.headers, HTTP2Client.continuation:
      requestBytes += UInt64(9 + frame.payload.count)
      if frame.type == HTTP2Client.headers { blockEnds = frame.flags & 1 != 0 }
      block += frame.payload
      guard frame.flags & HTTP2Client.endHeaders != 0 else { return }
      book(inflater.inflate(block), id)
      block = []
    case HTTP2Client.resetStream:
      requests[id, default: Request(id: id)].resetCode = frame.word(at: 0)
    case HTTP2Client.windowUpdate:
      let old = windows[id] ?? (id == 0 ? 65_535 : initialWindow)
      windows[id] = old + Int(frame.word(at: 0))
    case HTTP2Client.settings:
      control.append(frame)
      guard frame.flags & 1 == 0 else { return }
      for place in stride(from: 0, to: frame.payload.count, by: 6)
      where frame.payload[place + 1] == 4 {
        initialWindow = Int(frame.word(at: place + 2))
      }
      try? send(Frame(HTTP2Client.settings, flags: 1))
    default: control.append(frame)
    }
  }

  private func book(_ fields: [HTTP2Client.Field], _ id: UInt32) {
    if requests[id] == nil {
      requests[id] = Request(id: id, fields: fields, endsWithHead: blockEnds)
    } else {
      requests[id]?.trailers = fields
    }
    if blockEnds { requests[id]?.hasEnded = true }
  }
}

extension Origin {
  /// A server that speaks HTTP/2 and is given each connection.
  static func http2(
    settings: [(id: UInt16, value: UInt32)] = [],
    _ serve: @escaping @Sendable (HTTP2Origin) throws -> Void
  ) throws -> Origin {
    try Origin { connection in
      guard let peer = try HTTP2Origin(connection, settings: settings) else { return }
      try serve(peer)
    }
  }

  /// A server that answers each complete request.
  static func http2Answering(
    _ reply: @escaping @Sendable (HTTP2Origin, HTTP2Origin.Request) throws -> Void
  ) throws -> Origin {
    try http2 { peer in
      while let request = try peer.request() { try reply(peer, request) }
    }
  }
}

/// A proxy whose clients speak either protocol and whose upstream speaks HTTP/2.
func http2UpstreamRig(
  _ origin: Origin, syscalls: Syscalls = Syscalls(),
  _ change: (inout ProxyConfiguration) -> Void = { _ in }
) throws -> ProxyRig {
  try ProxyRig(origin, syscalls: syscalls) { configuration in
    configuration.listeners[0].http2 = true
    configuration.upstreams[0].speaksHTTP2 = true
    change(&configuration)
  }
}

/// What an origin's thread saw.
final class Seen<Value: Sendable>: Sendable {
  private let state: Mutex<Value>
  init(_ value: Value) { state = Mutex(value) }
  var value: Value { state.withLock { $0 } }
  func change(_ body: (inout Value) -> Void) { state.withLock { body(&$0) } }
}
