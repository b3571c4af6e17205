import PlainHTTP

/// Runs sessions one after another on one thread, each on connections of its own.
///
/// A request is never retried. When the proxy ends the connection after an answer, the next request opens another.
struct SessionRunner {
  private let proxy: ProxyAddress
  private let ledger: TrafficLedger
  private var socket: Socket?
  private var reader: ByteReader?
  /// The request that is being made; written to the ledger when it ends, well or not.
  private var tally = TrafficTally()

  /// Where the proxy listens, and how requests name tenants.
  struct ProxyAddress: Sendable {
    /// IPv4 address and port.
    let address: String
    let port: UInt16
    /// Host names are `<tenant>.<domain>` or the domain alone.
    let domain: String
    /// The header that asserts a tenant.
    let tenantHeader: String
  }

  init(proxy: ProxyAddress, ledger: TrafficLedger) {
    self.proxy = proxy
    self.ledger = ledger
  }

  /// Runs all steps; a step that fails is written down and the rest goes on.
  mutating func run(_ session: Session) {
    for step in session.steps {
      do throws(SocketError) {
        try perform(step, session)
      } catch {
        ledger.fault("\(session.identity.ledgerName): \(step): \(error)")
        disconnect()
      }
    }
    disconnect()
  }

  private mutating func perform(_ step: Step, _ session: Session) throws(SocketError) {
    switch step {
    case .items(let method, let count): try items(method, count, session)
    case .tunnel(let rounds, let bytes, let pause):
      try recording("ws", session) { (self) throws(SocketError) in
        try self.tunnel(session, rounds: rounds, bytes: bytes, pauseMilliseconds: pause)
      }
    case .download(let bytes):
      try recording("download", session) { (self) throws(SocketError) in
        try self.send(self.head("GET", "/download/\(bytes)", session))
        try self.finish("GET", contentBytes: bytes, session)
      }
    case .upload(let bytes, let expects):
      try recording("upload", session) { (self) throws(SocketError) in
        try self.upload(session, bytes: bytes, expects: expects)
      }
    case .chunkedUpload(let bytes, let chunkMax):
      try recording("upload", session) { (self) throws(SocketError) in
        try self.upload(session, bytes: bytes, chunkMax: chunkMax)
      }
    case .work(let milliseconds):
      try recording("work", session) { (self) throws(SocketError) in
        try self.send(self.head("GET", "/work/\(milliseconds)", session))
        try self.finish("GET", contentBytes: nil, session)
      }
    case .stream(let chunks, let bytes, let pause, let trailers):
      try recording("stream", session) { (self) throws(SocketError) in
        let fields = trailers ? ["TE: trailers", "Connection: TE"] : []
        let path = "/stream/\(chunks)/\(bytes)/\(pause)"
        try self.send(self.head("GET", path, session, fields))
        try self.finish("GET", contentBytes: chunks * bytes, session)
      }
    }
  }

  /// Makes one request and writes it down, also when it breaks off.
  private mutating func recording(
    _ path: String, _ session: Session, _ request: (inout SessionRunner) throws(SocketError) -> Void
  ) throws(SocketError) {
    try connect()
    tally = TrafficTally()
    tally.requests = 1
    let before = counters
    defer {
      tally.requestBytes = counters.sent - before.sent
      tally.responseBytes = counters.received - before.received
      ledger.add(tally, path: path, session: session)
    }
    do throws(SocketError) {
      try request(&self)
    } catch {
      tally.failures = 1
      throw error
    }
  }

  /// Sends `count` requests at once and then reads their answers; each is a request of its own in the ledger.
  private mutating func items(
    _ method: String, _ count: Int, _ session: Session
  ) throws(SocketError) {
    try connect()
    let request = head(method, "/api/items", session)
    try send((0..<count).flatMap { _ in request })
    for number in 0..<count {
      let before = counters.received
      tally = TrafficTally()
      tally.requests = 1
      tally.requestBytes = UInt64(request.count)
      defer {
        tally.responseBytes = counters.received - before
        ledger.add(tally, path: "api", session: session)
      }
      do throws(SocketError) {
        try finish(method, contentBytes: nil, session)
      } catch {
        tally.failures = 1
        throw error
      }
      if socket == nil, number + 1 < count {
        throw SocketError.endedEarly(expected: "\(count - number - 1) pipelined answers")
      }
    }
  }

  private mutating func upload(
    _ session: Session, bytes: Int, expects: Bool
  ) throws(SocketError) {
    var fields = ["Content-Length: \(bytes)"]
    if expects { fields.append("Expect: 100-continue") }
    try send(head("POST", "/upload", session, fields))
    if expects, try !awaitContinue() {
      throw SocketError.malformed("a final answer instead of 100")
    }
    var sent = 0
    while sent < bytes {
      let piece = Pattern.block[..<min(Pattern.block.count, bytes - sent)]
      try send(Array(piece))
      sent += piece.count
      tally.requestBodyBytes += UInt64(piece.count)
    }
    try finish("POST", contentBytes: nil, session, uploaded: bytes)
  }

  private mutating func upload(
    _ session: Session, bytes: Int, chunkMax: Int
  ) throws(SocketError) {
    try send(head("POST", "/upload", session, ["Transfer-Encoding: chunked"]))
    var sent = 0
    while sent < bytes {
      // Each chunk goes on in the pattern where the last one ended, so that the whole has a known sum.
      let offset = sent % Pattern.block.count
      let count = min(chunkMax, bytes - sent, Pattern.block.count - offset)
      let size = Array("\(String(count, radix: 16))\r\n".utf8)
      try send(size + Pattern.block[offset..<offset + count] + [0x0D, 0x0A])
      sent += count
      tally.requestBodyBytes += UInt64(count)
    }
    try send(Array("0\r\n\r\n".utf8))
    try finish("POST", contentBytes: nil, session, uploaded: bytes)
  }

  private mutating func tunnel(
    _ session: Session, rounds: Int, bytes: Int, pauseMilliseconds: Int
  ) throws(SocketError) {
    try send(head("GET", "/ws", session, ["Connection: Upgrade", "Upgrade: echo"]))
    let answer = try responseHead()
    tally.count(status: answer.status)
    guard answer.status == 101 else {
      throw SocketError.malformed("status \(answer.status) instead of 101")
    }
    defer { disconnect() }
    for round in 0..<rounds {
      if round > 0 { Clocks.pause(milliseconds: pauseMilliseconds) }
      let message = Array(Pattern.block[round..<round + bytes])
      try send(message)
      tally.tunnelBytesSent += UInt64(bytes)
      var echo: [UInt8] = []
      while echo.count < bytes, let piece = try reader?.some(atMost: bytes - echo.count) {
        echo += piece
        tally.tunnelBytesReceived += UInt64(piece.count)
      }
      guard echo == message else { throw SocketError.malformed("echo differs in round \(round)") }
    }
    socket?.shutdownSending()
    if let rest = try reader?.some(atMost: 1) {
      throw SocketError.malformed("\(rest.count) byte after the last echo")
    }
  }

  /// Reads the final answer, checks its content, and closes the connection when the proxy says so.
  private mutating func finish(
    _ method: String, contentBytes: Int?, _ session: Session, uploaded: Int? = nil
  ) throws(SocketError) {
    let answer = try responseHead()
    tally.count(status: answer.status)
    let framing = try BodyFraming.ofResponse(answer.head, status: answer.status, method: method)
    let checksOrder = contentBytes != nil && framing != .chunked
    var count: UInt64 = 0
    var text: [UInt8] = []
    var isInOrder = true
    defer { tally.responseBodyBytes += count }
    _ = try reader?.body(framing) { piece in
      if checksOrder, piece[0] != UInt8(truncatingIfNeeded: count) { isInOrder = false }
      if uploaded != nil { text += piece }
      count += UInt64(piece.count)
    }
    if answer.head.contains("close", in: "connection") || framing == .untilClose { disconnect() }
    let name = session.identity.ledgerName
    guard answer.status == 200 else { return ledger.fault("\(name): status \(answer.status)") }
    if let contentBytes, count != UInt64(contentBytes) || !isInOrder {
      ledger.fault("\(name): \(count) of \(contentBytes) bytes, or disorder")
    }
    if let uploaded { check(String(decoding: text, as: UTF8.self), uploaded: uploaded, name) }
  }

  private func check(_ answer: String, uploaded: Int, _ name: String) {
    let expected = "{\"bytes\": \(uploaded), \"checksum\": \(Pattern.checksum(uploaded))}\n"
    if answer != expected {
      ledger.fault("\(name): upload answered \(answer)")
    }
  }

  /// The next final head; interim ones are counted and passed over.
  private mutating func responseHead() throws(SocketError) -> (head: MessageHead, status: Int) {
    while true {
      let answer = try anyHead()
      if answer.status >= 200 || answer.status == 101 { return answer }
      tally.interims += 1
    }
  }

  private mutating func awaitContinue() throws(SocketError) -> Bool {
    let answer = try anyHead()
    if answer.status == 100 {
      tally.interims += 1
      return true
    }
    tally.count(status: answer.status)
    return false
  }

  private mutating func anyHead() throws(SocketError) -> (head: MessageHead, status: Int) {
    guard let bytes = try reader?.head() else { throw .endedEarly(expected: "an answer") }
    let head = try MessageHead(bytes)
    guard let status = Int(head.start[1]) else { throw .malformed("status \(head.start[1])") }
    return (head, status)
  }

  private func head(
    _ method: String, _ path: String, _ session: Session, _ fields: [String] = []
  ) -> [UInt8] {
    var lines = ["\(method) \(path) HTTP/1.1"]
    switch session.identity {
    case .hostLabel(let label): lines.append("Host: \(label).\(proxy.domain)")
    case .none: lines.append("Host: \(proxy.domain)")
    case .header(let value), .invalid(let value):
      lines += ["Host: \(proxy.domain)", "\(proxy.tenantHeader): \(value)"]
    }
    lines += ["User-Agent: demo-traffic"] + fields
    return Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8)
  }

  /// Bytes sent, and bytes taken out of the reader; what was read ahead belongs to the next answer.
  private var counters: (sent: UInt64, received: UInt64) {
    (socket?.bytesSent ?? ended.sent, reader?.consumed ?? ended.received)
  }

  /// The last connection's counters, for a request that ended with its connection.
  private var ended: (sent: UInt64, received: UInt64) = (0, 0)

  private func send(_ bytes: [UInt8]) throws(SocketError) {
    guard let socket else { throw SocketError.endedEarly(expected: "a connection") }
    try socket.send(bytes)
  }

  private mutating func connect() throws(SocketError) {
    guard socket == nil else { return }
    let fresh = try Socket.connect(
      to: proxy.address, port: proxy.port, timeoutMilliseconds: 20_000)
    socket = fresh
    reader = ByteReader(fresh)
  }

  private mutating func disconnect() {
    ended = counters
    if let socket { ledger.close(socket) }
    socket = nil
    reader = nil
  }
}

/// The content of uploads and tunnels: byte i of the block is i modulo 256.
enum Pattern {
  /// 64 KiB.
  static let block = (0..<65_536).map { UInt8(truncatingIfNeeded: $0) }

  /// The sum of the first `count` bytes of the block repeated for ever.
  static func checksum(_ count: Int) -> UInt64 {
    let rest = UInt64(count % 256)
    return UInt64(count / 256) * (255 * 256 / 2) + rest * (rest &- 1) / 2
  }
}
