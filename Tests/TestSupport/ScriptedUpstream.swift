public import PlainHTTP
import Synchronization

/// A loopback server that does on each connection exactly what a script says, and keeps what it received.
///
/// The n-th connection follows the n-th script; connections beyond the last script follow the last one.
public final class ScriptedUpstream: Sendable {
  /// One thing to do on a connection. After the last step the connection is closed.
  public enum Step: Sendable {
    /// Read through the next empty line.
    case readHead
    /// Read the body of the request whose head was read last.
    case readBody
    /// Read exactly so many bytes.
    case readBytes(Int)
    /// Read until the peer closes.
    case readToEnd
    /// Send bytes as they are.
    case send([UInt8])
    /// Go on when the gate opens.
    case wait(Gate)
    /// Close this side only.
    case shutdownSending
    /// Close with a reset.
    case reset
    /// Begin again with the first step.
    case startOver

    /// Send text as it is.
    public static func send(_ text: String) -> Step { .send(Array(text.utf8)) }
  }

  private struct Record {
    var received: [[UInt8]] = []
    var finished = 0
    var faults: [String] = []
    var sockets: [Socket] = []
  }

  /// The port that it listens on.
  public var port: UInt16 { listener.port }
  private let listener: ListeningSocket
  private let scripts: [[Step]]
  private let record = Mutex(Record())
  private let threads = Mutex<[SpawnedThread]>([])

  /// Starts listening.
  public init(_ scripts: [[Step]]) throws(SocketError) {
    precondition(!scripts.isEmpty, "an upstream needs a script")
    self.scripts = scripts
    listener = try ListeningSocket()
    let thread = try SpawnedThread { [listener, weak self] in
      while let socket = listener.accept() { self?.serve(socket) }
    }
    threads.withLock { $0.append(thread) }
  }

  /// The same script on every connection.
  public convenience init(_ script: [Step]) throws(SocketError) { try self.init([script]) }

  deinit { stop() }

  /// How many connections were accepted.
  public var connections: Int { record.withLock { $0.received.count } }

  /// How many connections have come to the end of their script, or broke.
  public var finished: Int { record.withLock { $0.finished } }

  /// What steps could not be done, in words.
  public var faults: [String] { record.withLock { $0.faults } }

  /// Everything that came on one connection so far.
  public func received(_ connection: Int = 0) -> [UInt8] {
    record.withLock { connection < $0.received.count ? $0.received[connection] : [] }
  }

  /// The same as text.
  public func receivedText(_ connection: Int = 0) -> String {
    String(decoding: received(connection), as: UTF8.self)
  }

  /// Waits until so many connections were accepted.
  public func waitForConnections(_ count: Int) throws {
    try awaitCondition("\(count) upstream connections") { connections >= count }
  }

  /// Waits until so many connections are done.
  public func waitForFinished(_ count: Int) throws {
    try awaitCondition("\(count) finished upstream connections") { finished >= count }
  }

  /// Refuses further connections and cuts the open ones.
  public func stop() {
    listener.stop()
    record.withLock { for socket in $0.sockets { socket.shutdown() } }
  }

  private func serve(_ socket: Socket) {
    socket.setTimeout(milliseconds: 30_000)
    let number = record.withLock { record in
      record.received.append([])
      record.sockets.append(socket)
      return record.received.count - 1
    }
    let script = scripts[min(number, scripts.count - 1)]
    let thread = try? SpawnedThread { [weak self] in
      var performance = Performance(socket: socket) { bytes in
        self?.record.withLock { $0.received[number] += bytes }
      }
      do {
        try performance.run(script)
      } catch {
        self?.record.withLock { $0.faults.append("connection \(number): \(error)") }
      }
      // Forgotten first: its descriptor's number may be somebody else's right after the close.
      self?.record.withLock { $0.sockets.removeAll { $0 === socket } }
      socket.close()
      self?.record.withLock { $0.finished += 1 }
    }
    guard let thread else { return socket.close() }
    threads.withLock { $0.append(thread) }
  }
}

/// One connection's way through its script.
private struct Performance {
  let socket: Socket
  let note: ([UInt8]) -> Void
  var reader: ByteReader
  var head: MessageHead?

  init(socket: Socket, note: @escaping ([UInt8]) -> Void) {
    self.socket = socket
    self.note = note
    reader = ByteReader(socket)
  }

  /// Bound: `startOver` ends when the peer closes between requests.
  mutating func run(_ script: [ScriptedUpstream.Step]) throws {
    var index = 0
    while index < script.count {
      if case .startOver = script[index] {
        guard reader.hasBuffered || socket.isReadable(withinMilliseconds: 30_000) else { return }
        index = 0
        continue
      }
      guard try perform(script[index]) else { return }
      index += 1
    }
  }

  /// False when the peer closed before a head.
  private mutating func perform(_ step: ScriptedUpstream.Step) throws -> Bool {
    switch step {
    case .readHead:
      guard let bytes = try reader.head() else { return false }
      note(bytes)
      head = try MessageHead(bytes)
    case .readBody: try readBody()
    case .readBytes(let count): try read(count)
    case .readToEnd: while let piece = try reader.some(atMost: 65_536) { note(piece) }
    case .send(let bytes): try socket.send(bytes)
    case .wait(let gate): try gate.wait()
    case .shutdownSending: socket.shutdownSending()
    case .reset: socket.resetOnClose()
    case .startOver: break
    }
    return true
  }

  /// Notes the content of the body; a chunked body is noted without its framing.
  private mutating func readBody() throws {
    guard let head else { throw TestSupportError.process("readBody before readHead") }
    let note = note
    _ = try reader.body(try BodyFraming.ofRequest(head)) { note($0) }
  }

  private mutating func read(_ count: Int) throws {
    var rest = count
    while rest > 0 {
      guard let piece = try reader.some(atMost: rest) else {
        throw SocketError.endedEarly(expected: "\(rest) more bytes")
      }
      rest -= piece.count
      note(piece)
    }
  }
}
