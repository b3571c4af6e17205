public import Platform
import Synchronization

/// Notices workers whose event loop does not turn, and those that turn again.
///
/// An idle worker waits without an end, so silence says nothing: each look wakes the workers that have not turned
/// since the last one. One thread.
public final class WorkerWatchdog {
  /// What a look has found out about a worker.
  public enum Finding: Sendable, Equatable {
    /// It has not turned for so long.
    case stuck(worker: Int, seconds: Int)
    /// It turns again.
    case back(worker: Int)
  }

  private struct Watch {
    var turns: UInt64
    /// Since when it has been asked to turn and has not.
    var askedNanoseconds: UInt64?
    var isStuck = false
  }

  private let turns: [@Sendable () -> UInt64]
  private let wakes: [@Sendable () -> Void]
  private let limitNanoseconds: UInt64
  private let clock: Clock
  private var watches: [Watch]

  /// Watches the workers of a server.
  public convenience init(_ server: ProxyServer, limitSeconds: Int, clock: Clock) {
    self.init(
      // Behind the workers' counters stand those of the access log's writer, which does not turn.
      turns: server.counters.prefix(server.workerCount).map { counters in
        { counters.value(of: .turns) }
      },
      wakes: server.wakes, limitSeconds: limitSeconds, clock: clock)
  }

  /// Watches by a count of turns and a way to ask for one, for each worker.
  init(
    turns: [@Sendable () -> UInt64], wakes: [@Sendable () -> Void], limitSeconds: Int, clock: Clock
  ) {
    self.turns = turns
    self.wakes = wakes
    self.clock = clock
    limitNanoseconds = UInt64(limitSeconds) * 1_000_000_000
    watches = turns.map { Watch(turns: $0()) }
  }

  /// How many workers are stuck, as of the last look.
  public var stuckCount: Int { watches.count { $0.isStuck } }

  /// Looks at every worker; call it a few times in the limit. A worker is stuck when it did not turn for the limit
  /// although it was woken.
  public func look() -> [Finding] {
    let now = clock.monotonicNanoseconds()
    var findings: [Finding] = []
    for worker in watches.indices {
      let count = turns[worker]()
      if count != watches[worker].turns {
        if watches[worker].isStuck { findings.append(.back(worker: worker)) }
        watches[worker] = Watch(turns: count)
        continue
      }
      wakes[worker]()
      let asked = watches[worker].askedNanoseconds ?? now
      watches[worker].askedNanoseconds = asked
      let silent = now - min(now, asked)
      if silent >= limitNanoseconds && !watches[worker].isStuck {
        watches[worker].isStuck = true
        findings.append(.stuck(worker: worker, seconds: Int(silent / 1_000_000_000)))
      }
    }
    return findings
  }
}
