import Synchronization

/// What the clients of a load saw, for each tenant, while proxies came and went under them.
final class LoadBooks: Sendable {
  /// One tenant's figures.
  struct Account: Sendable {
    /// Requests of which the first byte was about to be sent.
    var begun: UInt64 = 0
    /// Requests of which a byte of the answer's head was read.
    var seen: UInt64 = 0
    /// Requests whose whole answer was read.
    var completed: UInt64 = 0
    /// Requests cut off after their head was seen, in the middle of what cannot end by itself.
    var cutOff: UInt64 = 0
    /// Bytes that kernels took from the tenant's sockets, and gave to them.
    var bytesSent: UInt64 = 0
    var bytesReceived: UInt64 = 0
  }

  private let accounts = Mutex<[String: Account]>([:])
  private let open = Atomic<Int>(0)
  private let port = Atomic<Int>(0)
  private let stopped = Atomic<Bool>(false)

  /// Exchanges that are open now and have been for a byte of their answer, or of their body, at
  /// least.
  var openExchanges: Int { open.load(ordering: .relaxed) }

  /// Where the proxy listens now; 0 while there is none.
  var proxyPort: UInt16 {
    get { UInt16(port.load(ordering: .relaxed)) }
    set { port.store(Int(newValue), ordering: .relaxed) }
  }

  /// True when clients shall end.
  var isStopped: Bool { stopped.load(ordering: .relaxed) }

  /// Has all clients end.
  func stop() { stopped.store(true, ordering: .relaxed) }

  /// One more, or one less, open exchange.
  func addOpen(_ count: Int) { open.wrappingAdd(count, ordering: .relaxed) }

  /// Changes a tenant's figures.
  func change(_ tenant: String, _ body: (inout Account) -> Void) {
    accounts.withLock { body(&$0[tenant, default: Account()]) }
  }

  /// All figures.
  var all: [String: Account] { accounts.withLock { $0 } }
}
