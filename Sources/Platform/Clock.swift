import Glibc

/// The two clocks, injected so that tests can move them.
///
/// `monotonic` is CLOCK_BOOTTIME: it cannot be stepped and counts while the machine sleeps. `wall` is UTC.
public struct Clock: Sendable {
  /// Nanoseconds since boot.
  public let monotonicNanoseconds: @Sendable () -> UInt64
  /// Microseconds since 1970 UTC.
  public let wallMicroseconds: @Sendable () -> Int64

  /// A clock of these two functions.
  public init(
    monotonicNanoseconds: @escaping @Sendable () -> UInt64,
    wallMicroseconds: @escaping @Sendable () -> Int64
  ) {
    self.monotonicNanoseconds = monotonicNanoseconds
    self.wallMicroseconds = wallMicroseconds
  }

  /// The machine's clocks.
  public static let system = Clock(
    monotonicNanoseconds: {
      let time = read(CLOCK_BOOTTIME)
      return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
    },
    wallMicroseconds: {
      let time = read(CLOCK_REALTIME)
      return Int64(time.tv_sec) &* 1_000_000 &+ Int64(time.tv_nsec) / 1000
    })

  private static func read(_ clock: clockid_t) -> timespec {
    var time = timespec()
    // Safe: clock_gettime fills the struct it is given.
    _ = unsafe clock_gettime(clock, &time)
    return time
  }
}
