import Glibc
import PlainHTTP
import Platform
import Synchronization
import TestSupport

/// Lets plain clients speak to a TLS server, or TLS clients to a plain one: what comes on one side of a connection goes
/// out on the other, ends of stream included. So tests say and count the same bytes with TLS and without.
final class TLSBridge: Sendable {
  /// Which side has TLS.
  enum Side: Sendable {
    /// The target; a session may be made for each connection.
    case target(TLSClientContext)
    /// Those who connect.
    case client(TLSServerContext)
  }

  /// Where to connect to.
  var port: UInt16 { listener.port }
  private let listener: ListeningSocket
  private let target: UInt16
  private let side: Side
  /// What the target gets in plain before the handshake.
  private let preface: [UInt8]
  private let record = Mutex((failures: [String](), resumed: 0, full: 0))
  private let old = Mutex<Kept>(Kept())

  /// What the next connection resumes. One thread at a time uses it, under the lock.
  private struct Kept: @unchecked Sendable { var resumption: TLSResumption? }

  /// Why connections ended that did not end in order.
  var failures: [String] { record.withLock { $0.failures } }
  /// Handshakes that resumed a session, and others.
  var resumed: Int { record.withLock { $0.resumed } }
  var full: Int { record.withLock { $0.full } }

  init(to target: UInt16, _ side: Side, preface: String = "") throws {
    self.target = target
    self.preface = Array(preface.utf8)
    self.side = side
    listener = try ListeningSocket()
    _ = try SpawnedThread { [listener, weak self] in
      while let socket = listener.accept() {
        guard let bridge = self else { return }
        _ = try? SpawnedThread { bridge.run(socket) }
      }
    }
  }

  deinit { listener.stop() }

  /// Refuses further connections.
  func stop() { listener.stop() }

  private func run(_ near: Socket) {
    guard let far = try? Socket.connect(port: target) else {
      near.resetOnClose()
      return near.close()
    }
    if !preface.isEmpty { try? far.send(preface) }
    let isServer: Bool
    let session: TLSSession?
    switch side {
    case .target(let context):
      isServer = false
      session = old.withLock {
        TLSSession(client: context, descriptor: far.descriptor, resuming: $0.resumption)
      }
    case .client(let context):
      isServer = true
      session = TLSSession(server: context, descriptor: near.descriptor, early: RawSpan())
    }
    guard let session else { return }
    let carrier = Carrier(plain: isServer ? far : near, secret: isServer ? near : far, session)
    let failure = carrier.run()
    record.withLock {
      if let failure { $0.failures.append(failure) }
      if session.isEstablished {
        if session.isResumed { $0.resumed += 1 } else { $0.full += 1 }
      }
    }
    if !isServer, session.isEstablished, let kept = session.resumption() {
      old.withLock { $0.resumption = kept }
    }
    if failure != nil { carrier.plain.resetOnClose() }
    near.close()
    far.close()
  }
}

/// One connection of a bridge.
private final class Carrier {
  let plain: Socket
  private let secret: Socket
  private let session: TLSSession
  private let syscalls = Syscalls()
  private let up = Buffer(capacity: 65_536)
  private let down = Buffer(capacity: 65_536)
  private var plainEnded = false
  private var secretEnded = false
  private var saidGoodbye = false
  private var passedEnd = false

  init(plain: Socket, secret: Socket, _ session: TLSSession) {
    self.plain = plain
    self.secret = secret
    self.session = session
    for socket in [plain, secret] {
      _ = fcntl(socket.descriptor, F_SETFL, fcntl(socket.descriptor, F_GETFL) | O_NONBLOCK)
    }
  }

  /// Carries until both sides have ended, then nil; else why not.
  func run() -> String? {
    while true {
      session.noteReadable()
      switch session.handshake(trustsShortReads: false, syscalls) {
      case .done:
        do {
          if try carryUp() { continue }
          if try carryDown() { continue }
        } catch {
          return "\(error)"
        }
        if saidGoodbye && passedEnd { return nil }
      case .wouldBlock: break
      case .ended: return "ended in the handshake"
      case .failed(let reason): return reason
      }
      guard wait() else { return "nothing moved for 20 s" }
    }
  }

  private struct Broken: Error { let code: Int32 }

  private func carryUp() throws -> Bool {
    if up.isEmpty && !plainEnded {
      switch syscalls.receive(plain.descriptor, into: up) {
      case .moved: break
      case .end: plainEnded = true
      case .wouldBlock: return false
      case .failed(let code): throw Broken(code: code)
      }
    }
    if !up.isEmpty {
      switch session.send(up, nil, secondCount: 0, syscalls) {
      case .moved(let count):
        up.consume(count)
        return true
      case .failed(let code): throw Broken(code: code)
      case .wouldBlock, .end: return false
      }
    }
    guard plainEnded, !saidGoodbye else { return false }
    saidGoodbye = true
    session.sayGoodbye()
    secret.shutdownSending()
    return true
  }

  private func carryDown() throws -> Bool {
    if down.isEmpty && !secretEnded {
      switch session.receive(into: down, trustsShortReads: false, syscalls) {
      case .moved: break
      case .end: secretEnded = true
      case .wouldBlock: return false
      case .failed(let code): throw Broken(code: code)
      }
    }
    if !down.isEmpty {
      switch syscalls.send(plain.descriptor, down, nil, secondCount: 0) {
      case .moved(let count):
        down.consume(count)
        return true
      case .failed(let code): throw Broken(code: code)
      case .wouldBlock, .end: return false
      }
    }
    guard secretEnded, !passedEnd else { return false }
    passedEnd = true
    plain.shutdownSending()
    return true
  }

  /// Waits until something may move. In the handshake the plain side does not matter.
  private func wait() -> Bool {
    let isUp = session.isEstablished
    var plainEvents: Int32 = 0
    if isUp && up.isEmpty && !plainEnded { plainEvents |= Int32(POLLIN) }
    if isUp && !down.isEmpty { plainEvents |= Int32(POLLOUT) }
    var secretEvents: Int32 = 0
    if !isUp || (down.isEmpty && !secretEnded) { secretEvents |= Int32(POLLIN) }
    if isUp && !up.isEmpty { secretEvents |= Int32(POLLOUT) }
    var requests = [
      pollfd(
        fd: plainEvents == 0 ? -1 : plain.descriptor, events: Int16(plainEvents), revents: 0),
      pollfd(
        fd: secretEvents == 0 ? -1 : secret.descriptor, events: Int16(secretEvents), revents: 0),
    ]
    // Safe: two pollfds, and the count says two.
    return unsafe poll(&requests, 2, 20_000) > 0
  }
}
