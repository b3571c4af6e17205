/// What an HTTP/2 client has cost without being of use, in frames.
///
/// Frames that carry no request and no content cost one each, resets more: the client's own (CVE-2023-44487) and those that
/// it provokes (CVE-2025-8671). What they serve earns it back: a completed response, content either way, time. So a client
/// that opens windows for what it downloads, or that pings a stream for hours, never comes near the bound, and one that
/// sends nothing else is at it after 1,000 frames.
struct HTTP2Budget {
  private var spent = 0
  private var bytes = 0
  private var refilled: UInt64

  /// Frames at which the connection ends.
  static let framesMax = 1_000
  /// What a reset of a stream that is served costs.
  static let resetCost = 5
  /// What a head costs that is many times as long, decoded, as it may be.
  static let bombCost = 250
  /// What a completed response earns.
  static let completedBonus = 10
  /// Content that makes one frame good.
  static let bytesPerFrame = 4_096
  /// Frames a second that are made good by time alone.
  static let framesPerSecond: UInt64 = 10

  /// Nothing spent.
  init(at now: UInt64) { refilled = now }

  /// Whether the client has cost more than it may.
  var isExhausted: Bool { spent > Self.framesMax }
  /// Whether it is near that: no further streams are served.
  var isNearlyExhausted: Bool { spent > Self.framesMax * 3 / 4 }

  /// Books frames of no use.
  mutating func spend(_ frames: Int) { spent += frames }

  /// Makes frames good. Nothing is saved up.
  mutating func earn(_ frames: Int) { spent = max(0, spent - frames) }

  /// Books content that was received or sent.
  mutating func move(_ count: Int) {
    bytes += count
    earn(bytes / Self.bytesPerFrame)
    bytes %= Self.bytesPerFrame
  }

  /// Books the time since the last call; `now` is monotonic, in nanoseconds.
  mutating func refill(at now: UInt64) {
    let step = 1_000_000_000 / Self.framesPerSecond
    let frames = (now &- refilled) / step
    guard frames > 0 else { return }
    refilled += frames * step
    earn(Int(min(frames, UInt64(Self.framesMax))))
  }
}
