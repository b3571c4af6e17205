import Glibc

/// Readings of the kernel's clocks.
public enum Clocks {
  /// Microseconds of CPU that the calling thread has used.
  public static func threadCPUMicroseconds() -> UInt64 { read(CLOCK_THREAD_CPUTIME_ID) / 1000 }

  /// Milliseconds of a clock that never steps.
  public static func monotonicMilliseconds() -> UInt64 { read(CLOCK_MONOTONIC) / 1_000_000 }

  /// Waits; for pacing streams and bounded polling, never to order events.
  public static func pause(milliseconds: Int) {
    usleep(UInt32(milliseconds) * 1000)
  }

  private static func read(_ clock: clockid_t) -> UInt64 {
    var time = timespec()
    // Safe: the kernel writes one timespec.
    unsafe clock_gettime(clock, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}
