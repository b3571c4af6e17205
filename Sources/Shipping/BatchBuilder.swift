public import Logging
public import Metering
import Synchronization
import Usage

/// Makes a batch of each sealed segment, spools it, and lets the segment go: the one place where
/// counting and shipping meet.
///
/// Called by the meter's delivery thread; may wait for the disk. A segment that cannot be spooled now is kept and tried
/// again with the next one: its file stays, so a kill loses nothing either.
public final class BatchBuilder: Sendable {
  /// Figures about building.
  public struct Status: Sendable, Equatable {
    /// Segments that wait for the spool.
    public var waitingSegments = 0
    /// Segments that break a rule of the batch format since the start: a bug of the meter. Their files stay.
    public var refusedSegments: UInt64 = 0
  }

  private struct State {
    /// Nil until there is one: a process that takes over gets it when the former one has drained.
    var spool: Spool?
    var waiting: [SealedSegment] = []
    var refused: UInt64 = 0
  }

  private let wake: @Sendable () -> Void
  private let logger: Logger
  private let state: Mutex<State>

  /// A builder that fills `spool`, as soon as there is one, and calls `wake` for each new batch.
  public init(spool: Spool? = nil, logger: Logger, wake: @escaping @Sendable () -> Void) {
    state = Mutex(State(spool: spool))
    self.logger = logger
    self.wake = wake
  }

  /// Gives a builder that has none its spool, and spools what has waited for it.
  public func open(_ spool: Spool) {
    state.withLock { state in
      state.spool = spool
      spoolWaiting(&state)
    }
  }

  /// Figures of now. Waits while a segment is being spooled.
  public var status: Status {
    state.withLock { Status(waitingSegments: $0.waiting.count, refusedSegments: $0.refused) }
  }

  /// Spools a segment, after those that wait.
  public func take(_ segment: SealedSegment) {
    state.withLock { state in
      state.waiting.append(segment)
      spoolWaiting(&state)
    }
  }

  /// Tries again what could not be spooled; returns how many segments still wait. For the drain.
  public func retryWaiting() -> Int {
    state.withLock { state in
      spoolWaiting(&state)
      return state.waiting.count
    }
  }

  /// In order, so that a full disk does not let a later sequence pass an earlier one for long.
  private func spoolWaiting(_ state: inout State) {
    guard let spool = state.spool else { return }
    while let segment = state.waiting.first {
      switch add(segment, to: spool) {
      case .spooled: wake()
      case .refused: state.refused += 1
      case .failed: return
      }
      state.waiting.removeFirst()
    }
  }

  private enum Outcome {
    case spooled, refused, failed
  }

  private func add(_ segment: SealedSegment, to spool: Spool) -> Outcome {
    do {
      let bytes = try BatchCodec.encode(segment.head, rows: segment.rows())
      try spool.add(
        bytes, name: segment.name, lastSequence: segment.head.lastSequence,
        endMicroseconds: segment.interval.endMicroseconds)
    } catch let error as BatchError {
      logger.error(
        "a segment breaks the batch format; its file stays for examination",
        metadata: ["batch": "\(segment.name)", "error": "\(error)"])
      return .refused
    } catch {
      logger.error(
        "a segment was not spooled; it will be tried again",
        metadata: ["batch": "\(segment.name)", "error": "\(error)"])
      return .failed
    }
    remove(segment)
    return .spooled
  }

  private func remove(_ segment: SealedSegment) {
    do throws(MeteringError) { try segment.remove() } catch {
      // The next start finds it, and `Spool.add` knows its name.
      logger.warning(
        "a spooled segment was not removed",
        metadata: ["batch": "\(segment.name)", "error": "\(error)"])
    }
  }
}
