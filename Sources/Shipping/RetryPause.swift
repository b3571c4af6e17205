/// How long to wait after the n-th failure in a row: exponential, with full jitter.
///
/// Full jitter (any pause from 0 to the bound) spreads the proxies of a fleet when their allocator comes back.
struct RetryPause {
  private let baseMilliseconds: UInt64
  private let maxMilliseconds: UInt64
  private(set) var failures: UInt64 = 0

  init(baseMilliseconds: Int, maxMilliseconds: Int) {
    precondition(baseMilliseconds > 0 && maxMilliseconds >= baseMilliseconds, "no such pauses")
    self.baseMilliseconds = UInt64(baseMilliseconds)
    self.maxMilliseconds = UInt64(maxMilliseconds)
  }

  /// A delivery was answered for good.
  mutating func reset() { failures = 0 }

  /// The pause after a failure; `atLeast` is what the other side asks for.
  mutating func next(
    atLeast: UInt64 = 0, using random: inout some RandomNumberGenerator
  ) -> UInt64 {
    let bound =
      failures >= 32 ? maxMilliseconds : min(maxMilliseconds, baseMilliseconds << failures)
    failures += 1
    return max(atLeast, UInt64.random(in: 0...bound, using: &random))
  }

  /// The pause after a failure that only a person can end.
  mutating func slow() -> UInt64 {
    failures += 1
    return maxMilliseconds
  }
}
