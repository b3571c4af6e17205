import HTTPCodec
public import Platform
import Synchronization

/// What the admin port answers.
public struct AdminAnswer: Sendable {
  /// The status code.
  public var status: Int
  /// The media type.
  public var contentType: String
  /// The whole body.
  public var body: String

  /// An answer of plain text.
  public init(status: Int, contentType: String = "text/plain; charset=utf-8", body: String) {
    self.status = status
    self.contentType = contentType
    self.body = body
  }
}

/// The admin port: `/healthz`, `/readyz`, `/metrics` on a thread of its own, away from the data plane.
///
/// One request a connection, at most 64 connections, each at most 5 s. Never metered.
public final class AdminServer: Sendable {
  /// Where it listens.
  public let address: SocketAddress
  private let syscalls: Syscalls
  private let clock: Clock
  /// The listening socket, for a process that takes over.
  public let descriptor: Int32
  private let control: WorkerControl
  private let handler: @Sendable (_ path: String) -> AdminAnswer
  private let thread = Mutex<OSThread?>(nil)

  static let connectionsMax = 64
  static let connectionNanoseconds: UInt64 = 5_000_000_000

  /// Binds the address, or goes on with the former process's socket when that is bound to it. `handler` gets the
  /// path of a GET without its query, on the admin thread.
  public init(
    on address: SocketAddress, inherited: InheritedSocket? = nil, syscalls: Syscalls, clock: Clock,
    handler: @escaping @Sendable (_ path: String) -> AdminAnswer
  ) throws(SystemError) {
    self.syscalls = syscalls
    self.clock = clock
    self.handler = handler
    control = try WorkerControl(syscalls: syscalls)
    if let inherited, inherited.configured == address || inherited.address == address {
      descriptor = inherited.descriptor
    } else {
      if let inherited { syscalls.close(inherited.descriptor) }
      descriptor = try syscalls.listen(on: address, backlog: 64)
    }
    self.address = try syscalls.localAddress(of: descriptor)
  }

  /// Starts the thread.
  public func start() throws(SystemError) {
    let loop = try AdminLoop(
      listener: descriptor, control: control, syscalls: syscalls, clock: clock, handler: handler)
    let box = AdminBox(loop: loop)
    let started = try OSThread(name: "weir-admin") { box.loop.run() }
    thread.withLock { $0 = started }
  }

  /// Stops and waits for the thread; a second call does nothing.
  public func stop() {
    control.requestStop()
    let running = thread.withLock { thread in
      let running = thread
      thread = nil
      return running
    }
    running?.join()
  }
}

/// Hands the loop to its thread. `@unchecked Sendable`: only that thread uses it.
private final class AdminBox: @unchecked Sendable {
  let loop: AdminLoop

  init(loop: AdminLoop) { self.loop = loop }
}

/// The admin thread's loop and its connections.
private final class AdminLoop {
  private final class Connection {
    let channel: Channel
    let deadline: UInt64
    var scanned = 0

    init(channel: Channel, deadline: UInt64) {
      self.channel = channel
      self.deadline = deadline
    }
  }

  private let listener: Int32
  private let control: WorkerControl
  private let syscalls: Syscalls
  private let clock: Clock
  private let handler: (String) -> AdminAnswer
  private let loop: EventLoop
  private let buffers = BufferPool(capacity: 16_384, keptMax: 8)
  private var parser = HTTP1Parser(limits: HTTP1Limits())
  private let head = RequestHead()
  private var connections = Slab<Connection>()

  init(
    listener: Int32, control: WorkerControl, syscalls: Syscalls, clock: Clock,
    handler: @escaping (String) -> AdminAnswer
  ) throws(SystemError) {
    self.listener = listener
    self.control = control
    self.syscalls = syscalls
    self.clock = clock
    self.handler = handler
    loop = try EventLoop(syscalls: syscalls)
    try loop.registerForReading(control.wakeup.descriptor, word: EventWord.wakeup)
    try loop.registerForReading(listener, word: EventWord.listener(0))
  }

  func run() {
    while !control.isStopRequested {
      let count = loop.wait(timeoutMilliseconds: connections.count > 0 ? 1_000 : -1)
      // Bound: the loop's events a turn.
      for position in 0..<count { dispatch(loop.event(position)) }
      closeExpired()
    }
    for slot in 0..<connections.slotCount {
      if let connection = connections[slot] { close(connection) }
    }
    syscalls.close(listener)
  }

  private func dispatch(_ event: EventLoop.Event) {
    let place = EventWord.place(of: event.word)
    switch EventWord.kind(of: event.word) {
    case .listener: accept()
    case .wakeup: control.wakeup.clear()
    case .upstream: break
    case .downstream:
      guard let connection = connections.element(at: place.slot, generation: place.generation)
      else { return }
      connection.channel.note(event)
      serve(connection)
    }
  }

  private func accept() {
    guard case .connection(let descriptor, _) = syscalls.accept(listener) else { return }
    guard connections.count < AdminServer.connectionsMax else {
      syscalls.close(descriptor)
      return
    }
    let (slot, generation) = connections.reserve()
    let word = EventWord.connection(.downstream, slot: slot, generation: generation)
    do throws(SystemError) {
      try loop.register(descriptor, word: word)
    } catch {
      connections.abandon(slot)
      syscalls.close(descriptor)
      return
    }
    let channel = Channel(descriptor: descriptor, slot: slot, generation: generation)
    let deadline = clock.monotonicNanoseconds() + AdminServer.connectionNanoseconds
    connections.put(Connection(channel: channel, deadline: deadline), at: slot)
  }

  private func serve(_ connection: Connection) {
    let channel = connection.channel
    if channel.output != nil {
      send(connection)
      return
    }
    guard channel.isReadable else { return }
    switch channel.receive(syscalls, buffers) {
    case .moved: read(connection)
    case .wouldBlock:
      // A full buffer without a whole head: more than this port takes.
      if channel.isReadable { close(connection) }
    case .end, .failed: close(connection)
    }
  }

  private func read(_ connection: Connection) {
    guard let input = connection.channel.input else { return }
    let outcome = parser.parseRequest(input.readable, scanned: &connection.scanned, into: head)
    switch outcome {
    case .needMore: break
    case .fault(let fault):
      respond(connection, AdminAnswer(status: fault.status, body: "\(fault.code.rawValue)\n"))
    case .complete:
      guard head.method == .get || head.method == .head else {
        respond(connection, AdminAnswer(status: 405, body: "only GET and HEAD\n"))
        return
      }
      let path = input.readable.bytes(of: head.pathWithoutQuery)
      var text: [UInt8] = []
      for offset in 0..<path.byteCount { text.append(path[offset]) }
      respond(connection, handler(String(decoding: text, as: UTF8.self)))
    }
  }

  private func respond(_ connection: Connection, _ answer: AdminAnswer) {
    let reason = answer.status == 200 ? "OK" : "Error"
    let text =
      "HTTP/1.1 \(answer.status) \(reason)\r\nContent-Type: \(answer.contentType)\r\n"
      + "Content-Length: \(answer.body.utf8.count)\r\nCache-Control: no-store\r\n"
      + "Connection: close\r\n\r\n" + (head.method == .head ? "" : answer.body)
    let bytes = Array(text.utf8)
    let output = Buffer(capacity: max(1, bytes.count))
    output.append(bytes)
    connection.channel.output = output
    send(connection)
  }

  private func send(_ connection: Connection) {
    guard let output = connection.channel.output, connection.channel.isWritable else { return }
    while !output.isEmpty {
      guard case .moved(let count) = connection.channel.send(nil, directCount: 0, syscalls)
      else {
        if connection.channel.isBroken { close(connection) }
        return
      }
      output.consume(count)
    }
    close(connection)
  }

  private func close(_ connection: Connection) {
    let channel = connection.channel
    if let input = channel.input { buffers.give(input) }
    channel.input = nil
    channel.output = nil
    connections.remove(at: channel.slot)
    syscalls.close(channel.descriptor)
  }

  private func closeExpired() {
    let now = clock.monotonicNanoseconds()
    for slot in 0..<connections.slotCount {
      if let connection = connections[slot], now >= connection.deadline { close(connection) }
    }
  }
}
