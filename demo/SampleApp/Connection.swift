import PlainHTTP

/// One client connection: reads requests one after another and answers them in order.
struct Connection {
  private let socket: Socket
  private let server: Server
  private var reader: ByteReader

  init(_ socket: Socket, server: Server) {
    self.socket = socket
    self.server = server
    reader = ByteReader(socket)
    socket.setTimeout(milliseconds: 30_000)
  }

  /// Serves until either side ends; a broken connection simply ends, its finished requests are in the ledger.
  mutating func serve() {
    defer { socket.close() }
    while waitForRequest() {
      let start = (read: reader.consumed, sent: socket.bytesSent)
      do {
        guard let head = try reader.head() else { return }
        let request = try Request(head)
        if request.path == "/__ledger" {
          try Response(socket).answer(request, json: server.ledger.json(), cpuMicroseconds: 0)
          continue
        }
        let keepsAlive = try serve(request, since: start)
        if !keepsAlive { return }
      } catch SocketError.malformed {
        try? socket.send(Array("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n".utf8))
        return
      } catch {
        return
      }
    }
  }

  /// Serves one request and writes it down, also when the client went away in the middle of it.
  private mutating func serve(
    _ request: Request, since start: (read: UInt64, sent: UInt64)
  ) throws(SocketError) -> Bool {
    var tally = ServedTally()
    tally.requests = 1
    defer {
      tally.requestBytes = reader.consumed - start.read
      tally.responseBytes = socket.bytesSent - start.sent
      server.ledger.add(tally, tenant: request.head.value(server.tenantHeader) ?? "~none")
    }
    var endpoint = Endpoint(request: request, response: Response(socket))
    defer { tally += endpoint.tally }
    try endpoint.run(&reader)
    return request.keepsAlive && !endpoint.endsConnection && !server.isDraining
  }

  /// False when the client has been idle for half a minute, or when the server drains.
  private func waitForRequest() -> Bool {
    if reader.hasBuffered { return true }
    for _ in 0..<300 {
      if socket.isReadable(withinMilliseconds: 100) { return true }
      if server.isDraining { return false }
    }
    return false
  }
}
