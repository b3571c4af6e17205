/// Hours since 1970 UTC: the time key of stored usage. An interval is cut at UTC multiples and
/// never shares an hour with the next; one that is longer than an hour counts where it began.
enum UsageHour {
  /// Microseconds in an hour.
  static let microseconds: Int64 = 3_600_000_000

  /// The hour that holds this instant.
  static func containing(_ instant: Int64) -> Int64 {
    let (quotient, remainder) = instant.quotientAndRemainder(dividingBy: microseconds)
    return remainder < 0 ? quotient - 1 : quotient
  }
}
