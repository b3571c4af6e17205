import Foundation

/// The month in which a test began.
struct CurrentMonth {
  private let months: Int

  /// The month of this moment, UTC.
  init() { months = Self.now() }

  /// `YYYY-MM`.
  var text: String { Self.text(months) }

  /// Whether it is still the same month.
  var isStill: Bool { months == Self.now() }

  /// The demo's bill of October 2026 with its three months moved to this one and its neighbours.
  func bill(from october: String) -> String {
    let places = ["2026-09-01T": "@0-01T", "2026-10-": "@1-", "2026-11-01T": "@2-01T"]
    let marked = places.reduce(october) { $0.replacingOccurrences(of: $1.key, with: $1.value) }
    return (0...2).reduce(marked) {
      $0.replacingOccurrences(of: "@\($1)-", with: "\(Self.text(months + $1 - 1))-")
    }
  }

  private static func text(_ months: Int) -> String {
    let month = months % 12 + 1
    return "\(months / 12)-\(month < 10 ? "0" : "")\(month)"
  }

  /// Months since year 0.
  private static func now() -> Int {
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = TimeZone(secondsFromGMT: 0) ?? .current
    let parts = calendar.dateComponents([.year, .month], from: Date())
    return (parts.year ?? 0) * 12 + (parts.month ?? 1) - 1
  }
}
