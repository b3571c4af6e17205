import PlainHTTP
import Synchronization

/// The listener, its threads, and the flag that says the end has come.
final class Server: Sendable {
  /// Where finished requests are written down.
  let ledger: ServedLedger
  /// The lower-case name of the header that names the tenant.
  let tenantHeader: String
  private let listener: ListeningSocket
  private let draining = Atomic<Bool>(false)
  private let running = Atomic<Int>(0)

  init(listener: ListeningSocket, ledger: ServedLedger, tenantHeader: String) {
    self.listener = listener
    self.ledger = ledger
    self.tenantHeader = tenantHeader
  }

  /// True once no new request may start.
  var isDraining: Bool { draining.load(ordering: .relaxed) }

  /// Starts the threads; all of them wait in `accept`, and each serves one connection at a time.
  func start(connectionsMax: Int) throws -> [SpawnedThread] {
    try (0..<connectionsMax).map { _ in
      running.wrappingAdd(1, ordering: .relaxed)
      return try SpawnedThread { [self] in
        while let socket = listener.accept() {
          var connection = Connection(socket, server: self)
          connection.serve()
        }
        running.wrappingSubtract(1, ordering: .releasing)
      }
    }
  }

  /// Stops accepting, lets requests in flight finish, and gives up on them after the limit.
  func drain(_ threads: [SpawnedThread], withinMilliseconds limit: UInt64) {
    draining.store(true, ordering: .relaxed)
    listener.stop()
    let deadline = Clocks.monotonicMilliseconds() + limit
    while running.load(ordering: .acquiring) > 0 {
      if Clocks.monotonicMilliseconds() > deadline { return }
      Clocks.pause(milliseconds: 10)
    }
    for thread in threads { thread.join() }
  }
}
