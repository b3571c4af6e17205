public import PlainHTTP

/// A blocking loopback client that sends exactly what it is told and shows exactly what comes.
///
/// One thread only. Every call ends within the timeout that was given at the start.
public final class RawClient {
  /// The socket, for its byte counters and options.
  public let socket: Socket
  private var reader: ByteReader

  /// Connects to a port of the loopback interface.
  public init(port: UInt16, timeoutMilliseconds: Int = 10_000) throws(SocketError) {
    socket = try Socket.connect(port: port, timeoutMilliseconds: timeoutMilliseconds)
    reader = ByteReader(socket)
  }

  /// Connects to a port of a numeric address.
  public init(
    address: String, port: UInt16, timeoutMilliseconds: Int = 10_000
  ) throws(SocketError) {
    socket = try Socket.connect(to: address, port: port, timeoutMilliseconds: timeoutMilliseconds)
    reader = ByteReader(socket)
  }

  deinit { socket.close() }

  /// Bytes handed out by the reading calls so far.
  public var bytesConsumed: UInt64 { reader.consumed }

  /// Sends text as it is; write `\r\n` yourself.
  public func send(_ text: String) throws(SocketError) { try socket.send(Array(text.utf8)) }

  /// Sends bytes as they are.
  public func send(_ bytes: [UInt8]) throws(SocketError) { try socket.send(bytes) }

  /// Reads through the next empty line; nil when the peer closed instead.
  public func readHead() throws(SocketError) -> String? {
    try reader.head().map { String(decoding: $0, as: UTF8.self) }
  }

  /// Reads exactly `count` bytes.
  public func readBytes(_ count: Int) throws(SocketError) -> [UInt8] {
    var bytes: [UInt8] = []
    while bytes.count < count {
      guard let piece = try reader.some(atMost: count - bytes.count) else {
        throw .endedEarly(expected: "\(count - bytes.count) more bytes")
      }
      bytes += piece
    }
    return bytes
  }

  /// Reads until the peer closes.
  public func readToEnd() throws(SocketError) -> [UInt8] {
    var bytes: [UInt8] = []
    while let piece = try reader.some(atMost: 65_536) { bytes += piece }
    return bytes
  }

  /// One whole response, interim ones included in `bytes` only.
  public struct Response: Sendable {
    /// The final status.
    public let status: Int
    /// The final head.
    public let head: MessageHead
    /// Content without framing.
    public let body: [UInt8]
    /// Fields after a chunked body.
    public let trailers: [MessageHead.Field]
    /// The size of all of it on the wire.
    public let bytes: UInt64
  }

  /// Reads one final response to a request with `method`.
  public func readResponse(method: String = "GET") throws(SocketError) -> Response {
    let start = reader.consumed
    while true {
      guard let bytes = try reader.head() else { throw .endedEarly(expected: "a response head") }
      let head = try MessageHead(bytes)
      guard let status = Int(head.start[1]) else { throw .malformed("status \(head.start[1])") }
      if status < 200 && status != 101 { continue }
      var body: [UInt8] = []
      let framing = try BodyFraming.ofResponse(head, status: status, method: method)
      let trailers = try reader.body(framing) { body += $0 }
      return Response(
        status: status, head: head, body: body, trailers: trailers, bytes: reader.consumed - start)
    }
  }

  /// Says that nothing more will be sent.
  public func shutdownSending() { socket.shutdownSending() }

  /// Closes in order.
  public func close() { socket.close() }

  /// Closes with a reset.
  public func reset() {
    socket.resetOnClose()
    socket.close()
  }
}
