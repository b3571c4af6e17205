internal import Accounting
internal import Digest
internal import Store

/// External series as JSON.
enum SeriesDocument {
  /// Bound: labels without a tenant that are named.
  private static let unmappedMax = 1_000

  /// A stored series without its values.
  static func members(_ stored: StoredSeries) -> [JSONValue.Member] {
    let notes = try? JSONValue(parsing: stored.notes)
    var total: Amount? = .zero
    for value in stored.series.values.values { total = try? total?.adding(value) }
    return [
      .init("name", .string(stored.series.name)),
      .init("period", .string(stored.period.description)),
      .init("unit", .string(stored.series.unit)), .init("sha256", .string(stored.digest.hex)),
      .init("origin", .string(stored.origin)),
      .init("tenants", .integer(stored.series.values.count)),
      .init("total", .text(total?.description)),
      .init("expected_hours", .integer(stored.expectedHours)),
      .init("missing_hours", notes?["missing_hours"] ?? .integer(0)),
      .init("missing", notes?["missing"] ?? .array([])),
      .init("unmapped", notes?["unmapped"] ?? .array([])),
      .init("outside", notes?["outside"] ?? .integer(0)), .init("late", .bool(stored.isLate)),
      .init("received_at", .string(stored.storedAt.description)),
      .init("by", .string(stored.actor)),
    ]
  }

  /// The number of each tenant, by tenant.
  static func values(_ series: ExternalSeries) -> JSONValue {
    .array(
      series.values.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }.map { pair in
        .object([
          .init("tenant", .string(pair.key)), .init("quantity", .string(pair.value.description)),
        ])
      })
  }

  /// What is kept about a reading beside its values.
  static func notes(_ reading: SeriesReading) -> JSONValue {
    let unmapped = reading.unmapped.sorted { left, right in
      left.value != right.value
        ? left.value > right.value : left.key.utf8.lexicographicallyPrecedes(right.key.utf8)
    }
    return .object([
      .init("missing_hours", .integer(reading.missingHours)),
      .init(
        "missing",
        .array(
          reading.missing.map { range in
            .object([
              .init("from", .string(range.lowerBound.description)),
              .init("to", .string(range.upperBound.description)),
            ])
          })),
      .init(
        "unmapped",
        .array(
          unmapped.prefix(unmappedMax).map { pair in
            .object([
              .init("label", .string(pair.key)), .init("quantity", .string(pair.value.description)),
            ])
          })), .init("outside", .integer(reading.outside)),
    ])
  }
}
