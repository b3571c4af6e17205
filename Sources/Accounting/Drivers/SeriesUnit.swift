/// The units of external series. A series has one, and every source says which it gives.
public struct SeriesUnit: Hashable, Sendable {
  /// The name, for example `GB-month`.
  public let name: String

  /// The units that Weir knows, with the ways in which they are written.
  private static let known: [(name: String, others: [String])] = [
    ("CPU-hour", ["cpu-hours", "core-hour", "core-hours", "vcpu-hour", "vcpu-hours"]),
    ("GPU-hour", ["gpu-hours"]), ("GB-hour", ["gb-hours"]), ("GiB-hour", ["gib-hours"]),
    ("GB-month", ["gb-months", "gb-mo"]), ("GiB-month", ["gib-months", "gib-mo"]),
    ("CI-minute", ["ci-minutes", "build-minute", "build-minutes"]),
    ("message-hour", ["message-hours"]), ("request", ["requests"]), ("byte", ["bytes"]),
    ("GB", []), ("GiB", []), ("1", ["count"]),
  ]

  /// The unit of a text, in any letter case; a unit of the operator's own begins with `x-`.
  public init?(_ text: String) {
    let folded = text.lowercased()
    if let found = Self.known.first(where: {
      $0.name.lowercased() == folded || $0.others.contains(folded)
    }) {
      name = found.name
      return
    }
    guard folded.hasPrefix("x-"), folded.utf8.count > 2, TenantNaming.isValid(text),
      text.utf8.count <= 64
    else { return nil }
    name = text
  }

  /// The names of all known units.
  public static var names: String {
    (known.map(\.name) + ["x-…"]).joined(separator: ", ")
  }
}

/// What a time series measures, and so how its samples become a quantity.
public enum SampleKind: String, CaseIterable, Hashable, Sendable {
  /// CPU cores in use: CPU-hours.
  case cores
  /// GPUs in use: GPU-hours.
  case gpus
  /// Bytes held: GB- and GiB-hours, and months of the period's length.
  case bytes
  /// Messages waiting: message-hours.
  case messages
  /// Minutes spent since the sample before: CI-minutes.
  case minutes
  /// Seconds spent since the sample before: CI-minutes.
  case seconds
  /// Things that happened since the sample before, in the unit of the series.
  case count

  /// The factor from the sum of all samples to the quantity, as a fraction; `nil` when this measure has
  /// no such unit.
  func factor(
    to unit: SeriesUnit, stepSeconds: Int64, period: Period
  ) -> (numerator: Int64, denominator: Int64)? {
    let month = (period.end.microseconds - period.start.microseconds) / 1_000_000
    return switch (self, unit.name) {
    case (.cores, "CPU-hour"), (.gpus, "GPU-hour"), (.messages, "message-hour"):
      (stepSeconds, 3_600)
    case (.bytes, "GB-hour"): (stepSeconds, 3_600 * 1_000_000_000)
    case (.bytes, "GiB-hour"): (stepSeconds, 3_600 * 1_073_741_824)
    case (.bytes, "GB-month"): (stepSeconds, month * 1_000_000_000)
    case (.bytes, "GiB-month"): (stepSeconds, month * 1_073_741_824)
    case (.minutes, "CI-minute"): (1, 1)
    case (.seconds, "CI-minute"): (1, 60)
    case (.count, "request"), (.count, "byte"), (.count, "1"): (1, 1)
    case (.count, let name) where name.hasPrefix("x-"): (1, 1)
    default: nil
    }
  }
}
