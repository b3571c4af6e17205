/// When intervals begin and end: at multiples of their length in UTC, measured by the monotonic clock.
struct IntervalSchedule: Sendable {
  private let lengthMicroseconds: Int64
  private var start: ClockReading
  /// The multiple of the length at which the current interval should end, UTC.
  private var boundaryMicroseconds: Int64
  /// The same moment by the monotonic clock.
  private(set) var deadlineNanoseconds: UInt64

  /// When the current interval began, by the monotonic clock.
  var beganNanoseconds: UInt64 { start.monotonicNanoseconds }

  /// A difference above this between the two clocks is a step, and a stamp further off than this from its
  /// boundary is not rounded to it.
  private static let toleranceMicroseconds: Int64 = 1_000_000

  /// What a hand-over is stamped with.
  struct Cut: Equatable {
    /// End of one interval and start of the next.
    var wallMicroseconds: Int64
    /// Whether the wall clock moved by more than a second against the monotonic one since the start.
    var isStepped: Bool
  }

  /// The first interval, from now to the next multiple.
  init(seconds: Int, start: ClockReading) {
    lengthMicroseconds = Int64(seconds) * 1_000_000
    self.start = start
    boundaryMicroseconds = 0
    deadlineNanoseconds = 0
    plan()
  }

  /// Ends the interval now and begins the next one.
  ///
  /// A worker hands over at the first end of a turn after the boundary, some µs or ms late; the stamp says
  /// the boundary itself, so that no interval touches two hours. The length, by the monotonic clock, is
  /// exact.
  mutating func cut(at now: ClockReading) -> Cut {
    let isPlanned = now.monotonicNanoseconds >= deadlineNanoseconds
    let distance = now.wallMicroseconds.subtractingReportingOverflow(boundaryMicroseconds)
    let tolerance = min(Self.toleranceMicroseconds, lengthMicroseconds / 2)
    let isNear = !distance.overflow && distance.partialValue.magnitude <= UInt64(tolerance)
    let stamp = isPlanned && isNear ? boundaryMicroseconds : now.wallMicroseconds
    let isStepped = isStepped(now)
    start = now
    plan(after: stamp, avoidsSliver: isPlanned)
    return Cut(wallMicroseconds: stamp, isStepped: isStepped)
  }

  private func isStepped(_ now: ClockReading) -> Bool {
    let wall = now.wallMicroseconds.subtractingReportingOverflow(start.wallMicroseconds)
    let monotonic =
      now.monotonicNanoseconds >= start.monotonicNanoseconds
      ? Int64(clamping: (now.monotonicNanoseconds - start.monotonicNanoseconds) / 1000) : 0
    let drift = wall.partialValue.subtractingReportingOverflow(monotonic)
    return wall.overflow || drift.overflow
      || drift.partialValue.magnitude > UInt64(Self.toleranceMicroseconds)
  }

  /// The next multiple after `stamp` (now, unless given). One that is less than a tenth of an interval away
  /// is passed over, so that a clock that was slewed back makes no sliver; not so after a hand-over on demand,
  /// which may come at any time and must not make an interval that spans a multiple.
  private mutating func plan(after stamp: Int64? = nil, avoidsSliver: Bool = true) {
    let from = max(stamp ?? start.wallMicroseconds, start.wallMicroseconds)
    let earliest = from + (avoidsSliver ? lengthMicroseconds / 10 : 0)
    // Rounded down also before 1970: `%` takes the sign of what is divided.
    let remainder = earliest % lengthMicroseconds
    let passed = remainder < 0 ? remainder + lengthMicroseconds : remainder
    boundaryMicroseconds = earliest - passed + lengthMicroseconds
    let wait = max(0, boundaryMicroseconds - start.wallMicroseconds)
    deadlineNanoseconds = start.monotonicNanoseconds + UInt64(wait) * 1000
  }
}
