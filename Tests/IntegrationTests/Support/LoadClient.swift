import Glibc
import PlainHTTP
import TestSupport

/// One thread of a load: makes requests of one shape for one tenant until it is told to stop,
/// through every proxy that comes. A request is never repeated.
struct LoadClient {
  /// What a client does again and again.
  enum Shape: CaseIterable {
    /// Many small requests on one connection.
    case chatty
    /// An answer in chunks that takes ten seconds.
    case stream
    /// An endless download that the client takes slowly.
    case download
    /// An upload that the client sends slowly.
    case upload
    /// An upgraded connection with a message now and then.
    case tunnel

    /// Whether only a cut can end it within a test.
    var isEndless: Bool { self == .stream || self == .download || self == .tunnel }
  }

  private let books: LoadBooks
  private let tenant: String
  private let shape: Shape

  /// Milliseconds between two pieces of what is slow.
  private static let pace = 100

  /// Starts the thread.
  static func start(_ books: LoadBooks, _ tenant: String, _ shape: Shape) throws -> SpawnedThread {
    let client = LoadClient(books: books, tenant: tenant, shape: shape)
    return try SpawnedThread { client.run() }
  }

  private func run() {
    while !books.isStopped {
      let port = books.proxyPort
      guard port != 0, let socket = try? Socket.connect(port: port, timeoutMilliseconds: 5_000)
      else {
        Clocks.pause(milliseconds: 5)
        continue
      }
      socket.setOption(SOL_SOCKET, SO_RCVBUF, 16_384)
      use(socket)
      books.change(tenant) {
        $0.bytesSent += socket.bytesSent
        $0.bytesReceived += socket.bytesReceived
      }
      socket.close()
    }
  }

  /// Exchanges on one connection until it breaks; only the chatty make more than one.
  private func use(_ socket: Socket) {
    var reader = ByteReader(socket)
    var isUsable = true
    while isUsable && !books.isStopped {
      books.change(tenant) { $0.begun += 1 }
      var course = Course()
      do throws(SocketError) {
        try exchange(socket, &reader, &course)
        books.change(tenant) { $0.completed += 1 }
        isUsable = shape == .chatty
      } catch {
        isUsable = false
        if course.isSeen && shape.isEndless { books.change(tenant) { $0.cutOff += 1 } }
      }
      if course.isOpen { books.addOpen(-1) }
    }
  }

  /// How far an exchange came.
  private struct Course {
    var isSeen = false
    var isOpen = false
  }

  private func exchange(
    _ socket: Socket, _ reader: inout ByteReader, _ course: inout Course
  ) throws(SocketError) {
    switch shape {
    case .chatty:
      try send(socket, "GET /api/items")
      let head = try seen(&reader, &course)
      _ = try reader.body(try .ofResponse(head, status: 200, method: "GET")) { _ in }
    case .stream:
      try send(socket, "GET /stream/100/512/\(Self.pace)")
      let head = try seen(&reader, &course)
      _ = try reader.body(try .ofResponse(head, status: 200, method: "GET")) { _ in }
    case .download:
      try send(socket, "GET /download/1000000000")
      _ = try seen(&reader, &course)
      try readSlowly(&reader)
    case .upload:
      try send(socket, "POST /upload", "Content-Length: 4000000\r\n")
      try sendSlowly(socket, &course)
    case .tunnel:
      try send(socket, "GET /ws", "Connection: Upgrade\r\nUpgrade: echo\r\n")
      _ = try seen(&reader, &course)
      try echo(socket, &reader)
    }
  }

  private func send(
    _ socket: Socket, _ line: String, _ fields: String = ""
  ) throws(SocketError) {
    let head = "\(line) HTTP/1.1\r\nHost: demo.localhost\r\nX-Tenant: \(tenant)\r\n\(fields)\r\n"
    try socket.send(Array(head.utf8))
  }

  /// Reads the head of an answer and notes that one came.
  private func seen(
    _ reader: inout ByteReader, _ course: inout Course
  ) throws(SocketError) -> MessageHead {
    guard let bytes = try reader.head() else { throw .endedEarly(expected: "an answer") }
    course.isSeen = true
    course.isOpen = true
    books.change(tenant) { $0.seen += 1 }
    books.addOpen(1)
    return try MessageHead(bytes)
  }

  /// Bound: the length of the download, or the end of the proxy, which has given megabytes to the
  /// kernel before.
  private func readSlowly(_ reader: inout ByteReader) throws(SocketError) {
    let proxy = books.proxyPort
    var rest = 1_000_000_000
    while rest > 0 {
      guard books.proxyPort == proxy, !books.isStopped, let piece = try reader.some(atMost: 16_384)
      else {
        throw .endedEarly(expected: "\(rest) bytes")
      }
      rest -= piece.count
      Clocks.pause(milliseconds: Self.pace)
    }
  }

  /// Bound: the length of the upload, or the end of the load. Its answer is never reached.
  private func sendSlowly(_ socket: Socket, _ course: inout Course) throws(SocketError) {
    let piece = [UInt8](repeating: 7, count: 2_000)
    for _ in 0..<2_000 {
      try socket.send(piece)
      if !course.isOpen {
        course.isOpen = true
        books.addOpen(1)
      }
      Clocks.pause(milliseconds: Self.pace)
      guard !books.isStopped, !socket.isReadable(withinMilliseconds: 0) else { break }
    }
    throw .endedEarly(expected: "the answer to an upload")
  }

  /// Bound: the end of the load.
  private func echo(_ socket: Socket, _ reader: inout ByteReader) throws(SocketError) {
    let message = [UInt8](repeating: 9, count: 64)
    while !books.isStopped {
      try socket.send(message)
      var rest = message.count
      while rest > 0 {
        guard let piece = try reader.some(atMost: rest) else {
          throw .endedEarly(expected: "an echo")
        }
        rest -= piece.count
      }
      Clocks.pause(milliseconds: Self.pace)
    }
    throw .endedEarly(expected: "more time")
  }
}
