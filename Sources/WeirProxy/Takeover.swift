import Glibc
import Logging
import Platform
import Proxy

/// The new process's side of an upgrade: gets the sockets, and tells the old process when it serves.
final class Takeover {
  /// What the old process handed over.
  let inheritance: Inheritance
  /// The process id of the old process.
  let formerPID: Int32
  private let path: String
  private let socket: MessageSocket
  private let logger: Logger

  /// Asks the process that listens at `path` for its sockets; nil when there is none.
  init?(from path: String, syscalls: Syscalls, logger: Logger) throws(ProcessError) {
    let socket: MessageSocket
    do throws(SystemError) {
      socket = try MessageSocket.connect(
        to: path, timeoutMilliseconds: UpgradeMessage.waitMilliseconds, syscalls: syscalls)
    } catch {
      if error.code == ENOENT || error.code == ECONNREFUSED { return nil }
      throw .upgrade("the running process cannot be asked at \(path): \(error)")
    }
    guard socket.isPeerTrusted else {
      throw .upgrade("the process at \(path) belongs to another user")
    }
    var inheritance = Inheritance()
    do throws(ProcessError) {
      formerPID = try Self.receiveAll(socket, into: &inheritance)
    } catch {
      for inherited in inheritance.listeners + (inheritance.admin.map { [$0] } ?? []) {
        syscalls.close(inherited.descriptor)
      }
      throw error
    }
    self.inheritance = inheritance
    self.path = path
    self.socket = socket
    self.logger = logger
  }

  private static func receiveAll(
    _ socket: MessageSocket, into inheritance: inout Inheritance
  ) throws(ProcessError) -> Int32 {
    do throws(SystemError) {
      try socket.send(
        .hello(
          protocolVersion: UpgradeMessage.version, program: ProgramVersion.text, pid: getpid()))
    } catch {
      throw .upgrade("the running process went away: \(error)")
    }
    let (answer, _) = try receive(socket)
    switch answer {
    case .welcome(UpgradeMessage.version, _, let pid, let count):
      // Bound: `socketsMax`, and each message's wait.
      for _ in 0..<count { try receiveSocket(socket, into: &inheritance) }
      return pid
    case .welcome(let version, let program, _, _):
      throw .upgrade(
        "the running process is \(program) and hands over by version \(version); this is "
          + "\(ProgramVersion.text) and takes over by version \(UpgradeMessage.version)")
    case .refused(let reason): throw .upgrade("the running process refuses: \(reason)")
    case .hello, .listener, .admin, .serving, .draining:
      throw .upgrade("the running process answered \"\(answer.text)\"")
    }
  }

  private static func receiveSocket(
    _ socket: MessageSocket, into inheritance: inout Inheritance
  ) throws(ProcessError) {
    let (message, descriptor) = try receive(socket)
    guard let descriptor else { throw .upgrade("a socket came without its descriptor") }
    switch message {
    case .listener(let name, let configured, let address):
      if let inherited = inherited(name, configured, address, descriptor) {
        inheritance.listeners.append(inherited)
        return
      }
    case .admin(let configured, let address):
      if let inherited = inherited("admin", configured, address, descriptor) {
        inheritance.admin = inherited
        return
      }
    case .hello, .welcome, .refused, .serving, .draining: break
    }
    Syscalls().close(descriptor)
    throw .upgrade("the running process sent \"\(message.text)\" with a descriptor")
  }

  private static func inherited(
    _ name: String, _ configured: String, _ address: String, _ descriptor: Int32
  ) -> InheritedSocket? {
    guard let configured = SocketAddress(configured), let address = SocketAddress(address)
    else { return nil }
    return InheritedSocket(
      name: name, configured: configured, address: address, descriptor: descriptor)
  }

  private static func receive(
    _ socket: MessageSocket
  ) throws(ProcessError) -> (UpgradeMessage, Int32?) {
    do throws(SystemError) {
      guard let (text, descriptor) = try socket.receive() else {
        throw SystemError(.recv, ECONNRESET)
      }
      if let message = UpgradeMessage(text) { return (message, descriptor) }
      if let descriptor { Syscalls().close(descriptor) }
      throw SystemError(.recv, EPROTO)
    } catch {
      throw .upgrade("the running process did not go on: \(error)")
    }
  }

  /// Tells the old process that this one accepts connections, so that it drains.
  ///
  /// Throws when the old process has not waited so long and serves on: only one process can have the spool, so this one
  /// has to end. When the old one is gone, this one serves.
  func announceServing() throws(ProcessError) {
    do throws(SystemError) {
      try socket.send(.serving)
      guard try awaitDraining() else { throw SystemError(.recv, ECONNRESET) }
      logger.info("the former process drains", metadata: ["pid": "\(formerPID)"])
    } catch {
      guard !isFormerProcessThere else {
        throw .upgrade(
          "the running process (pid \(formerPID)) has not waited until this one was ready (\(error)) and serves "
            + "on; raise its upgrade_timeout_ms, or stop it and start this one without --upgrade")
      }
      logger.warning(
        "the former process is gone without a word",
        metadata: ["pid": "\(formerPID)", "error": "\(error)"])
    }
  }

  /// Whether the old process says that it drains; false when it has closed the connection instead.
  private func awaitDraining() throws(SystemError) -> Bool {
    // Bound: the old process answers at once or closes; one that hangs gets six waits, a minute.
    for attempt in 1...6 {
      do throws(SystemError) {
        guard let answer = try socket.receive() else { return false }
        return UpgradeMessage(answer.text) == .draining
      } catch {
        if error.code != EAGAIN || attempt == 6 { throw error }
      }
    }
    return false
  }

  /// Whether a process listens where the sockets came from.
  private var isFormerProcessThere: Bool {
    do throws(SystemError) {
      _ = try MessageSocket.connect(
        to: path, timeoutMilliseconds: UpgradeMessage.waitMilliseconds, syscalls: Syscalls())
      return true
    } catch {
      return error.code != ENOENT && error.code != ECONNREFUSED
    }
  }
}
