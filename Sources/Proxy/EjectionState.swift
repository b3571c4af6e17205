/// The failures of one address as one worker sees them, and until when they keep it from being used.
///
///     in use ──N failures in a row──▶ ejected for base x 2^k ──time──▶ in use; k falls with time in use
///
/// Failures before an answer and answers that broke off are counted apart: an upstream that answers every request
/// and finishes none would otherwise be well after each head. Pure: the caller brings the time.
struct EjectionState {
  /// The configured bounds in a worker's units.
  struct Policy {
    /// Failures in a row; 0 for never.
    let failures: Int
    let baseNanoseconds, maxNanoseconds: UInt64

    init(_ configuration: EjectionConfiguration) {
      failures = configuration.failures
      baseNanoseconds = UInt64(configuration.baseMilliseconds) * 1_000_000
      maxNanoseconds = UInt64(configuration.maxMilliseconds) * 1_000_000
    }
  }

  /// Until when the address is left alone, 0 for not at all.
  private(set) var until: UInt64 = 0
  /// How often it was ejected, less what time in use has forgiven.
  private(set) var ejections = 0
  private var failuresInARow = 0
  private var cutsInARow = 0

  /// Whether the address is left alone.
  func isEjected(at now: UInt64) -> Bool { until > now }

  /// A good response head came.
  mutating func answered() { failuresInARow = 0 }

  /// A response came to its end.
  mutating func completed() { cutsInARow = 0 }

  /// An attempt failed; true when that makes one too many.
  mutating func failed(_ policy: Policy) -> Bool {
    failuresInARow += 1
    return policy.failures > 0 && failuresInARow >= policy.failures
  }

  /// A response broke off; true when that makes one too many.
  mutating func cutOff(_ policy: Policy) -> Bool {
    cutsInARow += 1
    return policy.failures > 0 && cutsInARow >= policy.failures
  }

  /// Leaves the address alone from now on, longer each time.
  mutating func eject(at now: UInt64, _ policy: Policy) {
    let inUse = until == 0 || now < until ? 0 : now - until
    ejections = max(0, ejections - Int(clamping: inUse / policy.baseNanoseconds)) + 1
    // Bound: 20 doublings are more than max / base can be worth.
    let (time, overflows) = policy.baseNanoseconds.multipliedReportingOverflow(
      by: 1 << UInt64(min(20, ejections - 1)))
    until = now + (overflows ? policy.maxNanoseconds : min(time, policy.maxNanoseconds))
    failuresInARow = 0
    cutsInARow = 0
  }
}
