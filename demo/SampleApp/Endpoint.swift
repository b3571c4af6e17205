import PlainHTTP

/// Runs the endpoint that a request names, and tallies its content and the CPU it reported.
///
/// CPU is this thread's clock around the handler. What goes out in the head is measured before the head is sent, so the
/// cost of sending a body is not in it; a stream reports again in its trailer, where everything is.
struct Endpoint {
  private let request: Request
  private let response: Response
  private let cpuAtStart = Clocks.threadCPUMicroseconds()
  /// What this request adds to the ledger, apart from wire bytes.
  private(set) var tally = ServedTally()
  /// True when the connection cannot serve another request.
  private(set) var endsConnection = false

  init(request: Request, response: Response) {
    self.request = request
    self.response = response
  }

  /// The CPU used so far.
  private var cpuMicroseconds: UInt64 { Clocks.threadCPUMicroseconds() - cpuAtStart }

  /// Reads the body and answers.
  mutating func run(_ reader: inout ByteReader) throws(SocketError) {
    if request.head.value("upgrade") != nil, request.path == "/ws" { return try tunnel(&reader) }
    if request.head.value("expect")?.lowercased() == "100-continue", request.framing != .none {
      try response.write("HTTP/1.1 100 Continue\r\n\r\n")
    }
    let checksum = try readBody(&reader)
    let numbers = request.segments.dropFirst().map { UInt64($0) }
    switch (request.segments.first, numbers.count) {
    case ("api", _) where request.path == "/api/items": try items()
    case ("upload", 0): try uploaded(checksum)
    case ("echo-headers", 0):
      try answer(type: "text/plain", String(decoding: request.bytes, as: UTF8.self))
    case ("download", 1):
      guard let bytes = numbers[0], bytes <= 1 << 34 else { return try notFound() }
      try download(bytes)
    case ("work", 1):
      guard let milliseconds = numbers[0], milliseconds <= 2_000 else { return try notFound() }
      try work(milliseconds)
    case ("stream", 3):
      guard let chunks = numbers[0], let bytes = numbers[1], let pause = numbers[2],
        chunks <= 10_000, bytes > 0, bytes <= 1 << 20, pause <= 10_000
      else { return try notFound() }
      try stream(chunks: chunks, bytes: Int(bytes), pauseMilliseconds: Int(pause))
    default: try notFound()
    }
  }

  /// The sum of all content bytes, which does not depend on how the body was cut.
  private mutating func readBody(_ reader: inout ByteReader) throws(SocketError) -> UInt64 {
    var sum: UInt64 = 0
    var count: UInt64 = 0
    defer { tally.requestBodyBytes = count }
    _ = try reader.body(request.framing) { piece in
      count += UInt64(piece.count)
      for index in piece.indices { sum &+= UInt64(piece[index]) }
    }
    return sum
  }

  private mutating func items() throws(SocketError) {
    let items = (1...8).map { "{\"id\": \($0), \"name\": \"item-\($0)\", \"stock\": \($0 * 7)}" }
    try answer("{\"items\": [" + items.joined(separator: ", ") + "]}\n")
  }

  private mutating func uploaded(_ checksum: UInt64) throws(SocketError) {
    try answer("{\"bytes\": \(tally.requestBodyBytes), \"checksum\": \(checksum)}\n")
  }

  private mutating func notFound() throws(SocketError) {
    try answer(status: "404 Not Found", "{\"error\": \"no such endpoint\"}\n")
  }

  private mutating func answer(
    status: String = "200 OK", type: String = "application/json", _ body: String
  ) throws(SocketError) {
    let cpu = cpuMicroseconds
    tally.cpuMicroseconds = cpu
    tally.responseBodyBytes = try response.answer(
      request, status, type: type, json: body, cpuMicroseconds: cpu)
  }

  /// Byte number i of a download is i modulo 256, so that a reader can check any piece by its offset.
  private mutating func download(_ bytes: UInt64) throws(SocketError) {
    let block = (0..<65_536).map { UInt8(truncatingIfNeeded: $0) }
    let cpu = cpuMicroseconds
    tally.cpuMicroseconds = cpu
    try response.head(
      "200 OK", type: "application/octet-stream", length: bytes, cpuMicroseconds: cpu)
    if request.method == "HEAD" { return }
    while tally.responseBodyBytes < bytes {
      let count = Int(min(65_536, bytes - tally.responseBodyBytes))
      try response.write(block[..<count])
      tally.responseBodyBytes += UInt64(count)
    }
  }

  private mutating func work(_ milliseconds: UInt64) throws(SocketError) {
    var value: UInt64 = 1
    while cpuMicroseconds < milliseconds * 1000 {
      for _ in 0..<1_000 { value = value &* 6_364_136_223_846_793_005 &+ 1 }
    }
    try answer("{\"burned_ms\": \(milliseconds), \"last_bit\": \(value & 1)}\n")
  }

  private mutating func stream(
    chunks: UInt64, bytes: Int, pauseMilliseconds: Int
  ) throws(SocketError) {
    let chunk = (0..<bytes).map { UInt8(truncatingIfNeeded: $0) }
    let framed = Array("\(String(bytes, radix: 16))\r\n".utf8) + chunk + [0x0D, 0x0A]
    let announced = request.acceptsTrailers ? "Trailer: Server-Timing\r\n" : ""
    tally.cpuMicroseconds = cpuMicroseconds
    try response.write(
      "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n"
        + "Transfer-Encoding: chunked\r\n\(announced)"
        + "Server-Timing: \(Response.timing(tally.cpuMicroseconds))\r\n\r\n")
    if request.method == "HEAD" { return }
    for number in 0..<chunks {
      if number > 0 { Clocks.pause(milliseconds: pauseMilliseconds) }
      try response.write(framed[...])
      tally.responseBodyBytes += UInt64(bytes)
    }
    guard request.acceptsTrailers else { return try response.write("0\r\n\r\n") }
    tally.cpuMicroseconds = cpuMicroseconds
    try response.write("0\r\nServer-Timing: \(Response.timing(tally.cpuMicroseconds))\r\n\r\n")
  }

  /// Sends back what comes, until the client ends its side.
  private mutating func tunnel(_ reader: inout ByteReader) throws(SocketError) {
    endsConnection = true
    let name = request.head.value("upgrade") ?? "echo"
    try response.write(
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: \(name)\r\n\r\n")
    while let piece = try reader.some(atMost: 65_536) {
      tally.tunnelBytesIn += UInt64(piece.count)
      try response.write(piece[...])
      tally.tunnelBytesOut += UInt64(piece.count)
    }
    response.endTunnel()
  }
}
