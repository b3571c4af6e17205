import Platform
import Synchronization
import Testing

@testable import Proxy

@Suite struct WorkerWatchdogTests {
  /// Two workers of which the second may be stuck, and a clock that a test moves.
  private final class Bench: Sendable {
    let seconds = Atomic<UInt64>(100)
    let first = Atomic<UInt64>(0)
    let second = Atomic<UInt64>(0)
    let isStuck = Atomic<Bool>(false)

    var clock: Clock {
      Clock(
        monotonicNanoseconds: { self.seconds.load(ordering: .relaxed) * 1_000_000_000 },
        wallMicroseconds: { 0 })
    }

    func watchdog() -> WorkerWatchdog {
      WorkerWatchdog(
        turns: [
          { self.first.load(ordering: .relaxed) }, { self.second.load(ordering: .relaxed) },
        ],
        wakes: [
          { self.first.wrappingAdd(1, ordering: .relaxed) },
          {
            if !self.isStuck.load(ordering: .relaxed) {
              self.second.wrappingAdd(1, ordering: .relaxed)
            }
          },
        ], limitSeconds: 10, clock: clock)
    }

    func pass(_ count: UInt64) { seconds.wrappingAdd(count, ordering: .relaxed) }
  }

  @Test func `idle workers that turn when they are woken are well, however long they slept`() {
    let bench = Bench()
    let watchdog = bench.watchdog()

    for _ in 0..<5 {
      bench.pass(60)
      #expect(watchdog.look() == [])
    }
    #expect(watchdog.stuckCount == 0)
  }

  @Test func `a worker that does not turn for the limit is told once, and so is its return`() {
    let bench = Bench()
    let watchdog = bench.watchdog()
    bench.isStuck.store(true, ordering: .relaxed)

    var findings: [[WorkerWatchdog.Finding]] = []
    for _ in 0..<6 {
      findings.append(watchdog.look())
      bench.pass(4)
    }
    #expect(watchdog.stuckCount == 1)
    bench.isStuck.store(false, ordering: .relaxed)
    _ = watchdog.look()
    let back = watchdog.look()

    #expect(findings == [[], [], [], [.stuck(worker: 1, seconds: 12)], [], []])
    #expect(back == [.back(worker: 1)])
    #expect(watchdog.stuckCount == 0)
  }
}
