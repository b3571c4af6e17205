import PlainHTTP

/// Writes one response to a socket.
struct Response {
  private let socket: Socket

  init(_ socket: Socket) { self.socket = socket }

  /// A head with Content-Length; the caller sends that many bytes after it.
  func head(
    _ status: String, type: String, length: UInt64, cpuMicroseconds: UInt64
  ) throws(SocketError) {
    try write(
      "HTTP/1.1 \(status)\r\nContent-Type: \(type)\r\nContent-Length: \(length)\r\n"
        + "Server-Timing: \(Self.timing(cpuMicroseconds))\r\n\r\n")
  }

  /// A whole response with a JSON body; HEAD gets its head alone.
  @discardableResult
  func answer(
    _ request: Request, _ status: String = "200 OK", type: String = "application/json",
    json body: String, cpuMicroseconds: UInt64
  ) throws(SocketError) -> UInt64 {
    let head =
      "HTTP/1.1 \(status)\r\nContent-Type: \(type)\r\nContent-Length: \(body.utf8.count)\r\n"
      + "Server-Timing: \(Self.timing(cpuMicroseconds))\r\n\r\n"
    if request.method == "HEAD" {
      try write(head)
      return 0
    }
    try write(head + body)
    return UInt64(body.utf8.count)
  }

  /// Text as it is.
  func write(_ text: String) throws(SocketError) { try socket.send(Array(text.utf8)) }

  /// Bytes as they are.
  func write(_ bytes: ArraySlice<UInt8>) throws(SocketError) { try socket.send(bytes) }

  /// Says that the tunnel's other direction may go on alone.
  func endTunnel() { socket.shutdownSending() }

  /// `cpu;dur=<milliseconds with three decimals>`, exact to the microsecond.
  static func timing(_ microseconds: UInt64) -> String {
    let fraction = String(microseconds % 1000)
    let padded = String(repeating: "0", count: 3 - fraction.count) + fraction
    return "cpu;dur=\(microseconds / 1000).\(padded)"
  }
}
