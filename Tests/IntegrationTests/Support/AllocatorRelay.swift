import PlainHTTP
import Synchronization

/// Stands between proxy and allocator, passes requests on one by one, and loses answers when it is
/// told to.
final class AllocatorRelay: Sendable {
  /// What becomes of deliveries.
  enum Mode: Sendable {
    /// Both ways.
    case pass
    /// The request reaches the allocator and is answered; the answer never leaves.
    case loseAnswers
    /// Nothing reaches the allocator.
    case refuse
  }

  /// One delivery that was passed on.
  struct Delivery: Sendable {
    /// The batch.
    let body: [UInt8]
    /// The allocator's status.
    let status: Int
    /// The allocator's answer.
    let answer: String
    /// Whether the proxy was given it.
    let isAnswerLost: Bool
  }

  private struct State {
    var mode = Mode.pass
    var target: UInt16 = 0
    var deliveries: [Delivery] = []
  }

  /// The port that the proxy is told.
  var port: UInt16 { listener.port }
  private let listener: ListeningSocket
  private let state = Mutex(State())

  /// Starts listening.
  init() throws {
    listener = try ListeningSocket()
    let threads = try (0..<4).map { _ in
      try SpawnedThread { [listener, weak self] in
        while let socket = listener.accept() {
          self?.serve(socket)
          socket.close()
        }
      }
    }
    _ = threads
  }

  deinit { listener.stop() }

  /// The allocator's port.
  var target: UInt16 {
    get { state.withLock { $0.target } }
    set { state.withLock { $0.target = newValue } }
  }

  /// What becomes of the next deliveries.
  var mode: Mode {
    get { state.withLock { $0.mode } }
    set { state.withLock { $0.mode = newValue } }
  }

  /// Everything passed on so far.
  var deliveries: [Delivery] { state.withLock { $0.deliveries } }

  /// How many answers were lost so far.
  var lostAnswers: Int { deliveries.count { $0.isAnswerLost } }

  /// One connection; it ends when either side does, or when an answer is lost.
  private func serve(_ socket: Socket) {
    socket.setTimeout(milliseconds: 60_000)
    var reader = ByteReader(socket)
    do {
      // Bound: the proxy closes.
      while let head = try reader.head() {
        guard mode != .refuse, let answer = try pass(head, &reader) else { return }
        try socket.send(answer)
      }
    } catch {
      return
    }
  }

  /// Passes one request on; the bytes of the answer, or nil when they are lost.
  private func pass(_ head: [UInt8], _ reader: inout ByteReader) throws(SocketError) -> [UInt8]? {
    let request = try MessageHead(head)
    var body: [UInt8] = []
    _ = try reader.body(try BodyFraming.ofRequest(request)) { body += $0 }
    let upstream = try Socket.connect(port: target, timeoutMilliseconds: 60_000)
    defer { upstream.close() }
    try upstream.send(head + body)
    var answers = ByteReader(upstream)
    guard let first = try answers.head() else { throw .endedEarly(expected: "an answer") }
    let answer = try MessageHead(first)
    let status = Int(answer.start[1]) ?? 0
    var content: [UInt8] = []
    let framing = try BodyFraming.ofResponse(answer, status: status, method: request.start[0])
    _ = try answers.body(framing) { content += $0 }
    let isLost = mode == .loseAnswers
    let delivery = Delivery(
      body: body, status: status, answer: String(decoding: content, as: UTF8.self),
      isAnswerLost: isLost)
    state.withLock { $0.deliveries.append(delivery) }
    if isLost { return nil }
    let line =
      "HTTP/1.1 \(status) Relayed\r\nContent-Type: application/json\r\n"
      + "Content-Length: \(content.count)\r\n\r\n"
    return Array(line.utf8) + content
  }
}
