import Glibc

/// How often a test does what it does: few times in CI, more when the environment says so.
enum Rounds {
  /// The number in an environment variable, or `fallback`.
  static func number(_ variable: String, _ fallback: Int) -> UInt64 {
    // Safe: the value is copied at once; nothing changes the environment.
    guard let text = unsafe getenv(variable) else { return UInt64(fallback) }
    return unsafe UInt64(String(cString: text)) ?? UInt64(fallback)
  }
}
