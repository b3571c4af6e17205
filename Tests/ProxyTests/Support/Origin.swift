import PlainHTTP
import Synchronization
import TestSupport

/// A loopback server that runs a closure on each connection and counts every byte at its sockets.
final class Origin: Sendable {
  /// One accepted connection, blocking, used by its own thread only.
  final class Connection {
    let socket: Socket
    /// Position among the accepted connections, from 0.
    let number: Int
    var reader: ByteReader
    private let origin: Origin

    init(_ socket: Socket, number: Int, origin: Origin) {
      self.socket = socket
      self.number = number
      self.origin = origin
      reader = ByteReader(socket)
    }

    /// The next request head; nil when the peer closed instead.
    func head() throws -> MessageHead? {
      guard let bytes = try reader.head() else { return nil }
      origin.note(String(decoding: bytes, as: UTF8.self))
      return try MessageHead(bytes)
    }

    /// The content of the body that the head announces.
    func body(_ head: MessageHead) throws -> [UInt8] {
      var content: [UInt8] = []
      trailers = try reader.body(try BodyFraming.ofRequest(head)) { content += $0 }
      return content
    }
    /// Trailers of the last body.
    var trailers: [MessageHead.Field] = []

    func send(_ text: String) throws { try socket.send(Array(text.utf8)) }
    func send(_ bytes: [UInt8]) throws { try socket.send(bytes) }

    /// Reads until the peer closes.
    func drain() throws -> [UInt8] {
      var bytes: [UInt8] = []
      while let piece = try reader.some(atMost: 65_536) { bytes += piece }
      return bytes
    }
  }

  private struct Record {
    var sockets: [Socket] = []
    /// Those that are not closed yet: a closed one's descriptor may be somebody else's by now.
    var open: [Int: Socket] = [:]
    var heads: [String] = []
    var faults: [String] = []
    var finished = 0
  }

  private let listener: ListeningSocket
  private let record = Mutex(Record())
  private let threads = Mutex<[SpawnedThread]>([])
  private let serve: @Sendable (Connection) throws -> Void

  var port: UInt16 { listener.port }

  init(
    address: String = "127.0.0.1", _ serve: @escaping @Sendable (Connection) throws -> Void
  ) throws {
    self.serve = serve
    listener = try ListeningSocket(address: address)
    let thread = try SpawnedThread { [listener, weak self] in
      while let socket = listener.accept() { self?.run(socket) }
    }
    threads.withLock { $0.append(thread) }
  }

  /// Answers each request, once it is there in full, with what the closure makes of it.
  static func answering(
    _ reply: @escaping @Sendable (MessageHead, [UInt8]) -> String
  ) throws -> Origin {
    try Origin { connection in
      while let head = try connection.head() {
        let body = try connection.body(head)
        try connection.send(reply(head, body))
      }
    }
  }

  /// Always the same answer.
  static func answering(_ text: String) throws -> Origin { try answering { _, _ in text } }

  deinit { stop() }

  /// Connections accepted so far.
  var connections: Int { record.withLock { $0.sockets.count } }
  /// Connections that their closure is done with.
  var finished: Int { record.withLock { $0.finished } }
  /// Request heads in the order of arrival.
  var heads: [String] { record.withLock { $0.heads } }
  /// Errors of the closures, in words.
  var faults: [String] { record.withLock { $0.faults } }
  /// Bytes that the kernel handed to this side.
  var bytesReceived: UInt64 {
    record.withLock { $0.sockets.reduce(0) { $0 + $1.bytesReceived } }
  }
  /// Bytes that the kernel took from this side.
  var bytesSent: UInt64 { record.withLock { $0.sockets.reduce(0) { $0 + $1.bytesSent } } }

  func stop() {
    listener.stop()
    record.withLock { for socket in $0.open.values { socket.shutdown() } }
  }

  fileprivate func note(_ head: String) { record.withLock { $0.heads.append(head) } }

  private func run(_ socket: Socket) {
    socket.setTimeout(milliseconds: 30_000)
    let number = record.withLock { record in
      record.sockets.append(socket)
      record.open[record.sockets.count - 1] = socket
      return record.sockets.count - 1
    }
    let thread = try? SpawnedThread { [self] in
      do {
        try serve(Connection(socket, number: number, origin: self))
      } catch {
        record.withLock { $0.faults.append("connection \(number): \(error)") }
      }
      record.withLock { $0.open[number] = nil }
      socket.close()
      record.withLock { $0.finished += 1 }
    }
    guard let thread else { return }
    threads.withLock { $0.append(thread) }
  }
}

/// A port of the loopback interface at which nobody listens.
func unusedPort() throws -> UInt16 {
  let listener = try ListeningSocket()
  defer { listener.stop() }
  return listener.port
}

/// An answer with this content and its length.
func ok(_ content: String = "ok", fields: String = "") -> String {
  "HTTP/1.1 200 OK\r\n\(fields)Content-Length: \(content.utf8.count)\r\n\r\n\(content)"
}
