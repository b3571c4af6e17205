public import Platform
public import Usage

/// What an operator should hear of. Called on the service's threads, never on a worker's.
public enum MeteringEvent: Sendable, Equatable {
  /// A segment's file could not be allocated: until the next interval, a kill would lose what is counted.
  case segmentIsVolatile(BatchName, SystemError)
  /// Neither a file nor memory could be had for the next interval: the current one goes on.
  case segmentIsMissing(BatchName, SystemError)
  /// A segment could not be extended: new tenants are counted as `~overflow`.
  case growthFailed(BatchName, SystemError)
  /// A sealed segment could not be made durable; it is delivered from memory.
  case sealFailed(BatchName, SystemError)
  /// A worker missed two intervals: its loop is stuck, or nothing wakes it.
  case workerIsLate(worker: Int, seconds: Int)
  /// A worker that was late hands over again.
  case workerIsBack(worker: Int)
  /// The wall clock moved by more than a second against the monotonic one.
  case clockStepped(BatchName)
  /// Exchanges were still open when the worker closed its meter.
  case openAtClose(BatchName, exchanges: UInt64)
  /// The sum over tenants is not the listeners' total: a bug of the meter.
  case conservationBroken(BatchName, [String])
  /// Segments of a killed process were found; this many exchanges were ended as crashed.
  case recovered(BatchName, orphans: UInt64)
  /// A file of a former process cannot be read; it was left where it is, renamed.
  case refused(MeteringError)
  /// A former process's directory could not be taken over; the next start tries again.
  case recoveryFailed(MeteringError)
}
