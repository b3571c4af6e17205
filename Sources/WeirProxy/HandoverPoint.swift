import Glibc
import Logging
import Platform
import Proxy
import Synchronization

/// The old process's side of an upgrade: a socket at which a new process asks for this one's listeners.
///
/// A thread of its own talks; the main thread learns through a signal that the process is to drain.
final class HandoverPoint: Sendable {
  /// What is handed over: the data plane and the admin port.
  struct Estate: Sendable {
    let server: ProxyServer
    let admin: AdminServer
    let adminConfigured: SocketAddress
    /// How long the new process may take until it serves.
    let timeoutMilliseconds: Int
  }

  private let path: String
  private let estate: Estate
  private let socket: MessageSocket
  private let wakeup: Wakeup
  private let transition: Transition
  private let isStopping = Atomic<Bool>(false)
  private let successor = Atomic<Int32>(0)
  private let syscalls: Syscalls
  private let logger: Logger

  /// Listens at `path`, in the place of the former process's socket if there is one.
  init(
    at path: String, _ estate: Estate, transition: Transition, syscalls: Syscalls, logger: Logger
  ) throws(SystemError) {
    self.path = path
    self.estate = estate
    self.transition = transition
    self.syscalls = syscalls
    self.logger = logger
    socket = try MessageSocket.listen(at: path, syscalls: syscalls)
    wakeup = try Wakeup(syscalls: syscalls)
    _ = try OSThread(name: "weir-upgrade") { [self] in run() }
  }

  /// The process that has taken over, or nil.
  var successorPID: Int32? {
    let pid = successor.load(ordering: .acquiring)
    return pid == 0 ? nil : pid
  }

  /// Stops listening; a talk that is under way ends with the process. Removes the socket's name unless it is the
  /// successor's by now.
  func stop() {
    isStopping.store(true, ordering: .releasing)
    wakeup.signal()
    if successorPID == nil { try? syscalls.unlink(path) }
  }

  private func run() {
    while !isStopping.load(ordering: .acquiring), successorPID == nil {
      guard wakeup.waitBeside(socket.descriptor) else { continue }
      do throws(SystemError) {
        let peer = try socket.accept(
          timeoutMilliseconds: min(UpgradeMessage.waitMilliseconds, estate.timeoutMilliseconds))
        try talk(peer)
      } catch {
        logger.warning(
          "an upgrade was begun and not finished; this process goes on",
          metadata: ["error": "\(error)"])
      }
    }
  }

  private func talk(_ peer: MessageSocket) throws(SystemError) {
    guard peer.isPeerTrusted else {
      logger.warning("a process of another user asked for the listeners")
      return try peer.send(.refused("another user's process"))
    }
    guard let (text, _) = try peer.receive(),
      case .hello(let version, let program, let pid)? = UpgradeMessage(text)
    else { return try peer.send(.refused("not a hello")) }
    guard version == UpgradeMessage.version else {
      return try peer.send(
        .refused(
          "this is \(ProgramVersion.text) and hands over by version \(UpgradeMessage.version); "
            + "\(program) takes over by version \(version)"))
    }
    guard transition.begin() else {
      return try peer.send(.refused("a reload, an upgrade or a drain is under way"))
    }
    logger.info("handing over", metadata: ["pid": "\(pid)", "version": "\(program)"])
    do throws(SystemError) {
      try handOver(to: peer, pid: pid)
    } catch {
      transition.end()
      throw error
    }
  }

  private func handOver(to peer: MessageSocket, pid: Int32) throws(SystemError) {
    let sockets = estate.server.sharedSockets
    try peer.send(
      .welcome(
        protocolVersion: UpgradeMessage.version, program: ProgramVersion.text, pid: getpid(),
        sockets: sockets.count + 1))
    for socket in sockets {
      try peer.send(
        .listener(
          name: socket.name, configured: "\(socket.configured)", address: "\(socket.address)"),
        descriptor: socket.descriptor)
    }
    try peer.send(
      .admin(configured: "\(estate.adminConfigured)", address: "\(estate.admin.address)"),
      descriptor: estate.admin.descriptor)
    try awaitServing(peer)
    // Fails when the new process has given up waiting and is gone: then this one goes on.
    try peer.send(.draining)
    successor.store(pid, ordering: .releasing)
    // The transition stays begun: no reload and no second upgrade of a process that drains.
    SignalWaiter.signalHandover()
  }

  /// The new process recovers segments, binds and starts: it may take its time, but not for ever. When the time is
  /// over the connection is closed, by which the new process knows that this one serves on.
  private func awaitServing(_ peer: MessageSocket) throws(SystemError) {
    let clock = Clock.system
    let deadline =
      clock.monotonicNanoseconds() + UInt64(estate.timeoutMilliseconds) * 1_000_000
    // Bound: the deadline, and the wait that it falls into.
    while true {
      do throws(SystemError) {
        guard let (text, _) = try peer.receive(), UpgradeMessage(text) == .serving else {
          throw SystemError(.recv, ECONNRESET)
        }
        return
      } catch {
        if error.code != EAGAIN { throw error }
        if clock.monotonicNanoseconds() >= deadline { throw SystemError(.recv, ETIMEDOUT) }
      }
    }
  }
}
