extension SeriesReading {
  /// Bound: rows of a file.
  public static let rowsMax = 2_000_000

  /// Reads a series for one period from CSV: `tenant` (or `label`), `quantity`, `unit`, and `period`
  /// (`YYYY-MM`) or `hour` (a time). With hours, missing ones are found.
  ///
  /// Rows of other periods are counted and left out. Throws all faults at once.
  public static func csv(
    _ bytes: [UInt8], name: String, period: Period, labels: TenantLabels = .identity
  ) throws(DocumentFaults) -> SeriesReading {
    let table = try SmallTable(
      bytes, columns: ["period", "hour", "tenant", "label", "quantity", "unit"],
      required: ["quantity", "unit"], rowsMax: rowsMax)
    let hasHours = table.columns.contains("hour")
    guard table.columns.contains("tenant") != table.columns.contains("label") else {
      throw DocumentFaults(["line 1: one of the columns tenant and label is needed"])
    }
    guard hasHours != table.columns.contains("period") else {
      throw DocumentFaults(["line 1: one of the columns period and hour is needed"])
    }
    let key = table.columns.contains("tenant") ? "tenant" : "label"
    var reader = CSVSeries(
      sum: SeriesSum(labels: key == "tenant" ? .identity : labels), hours: HoursSeen(period))
    for row in table.rows { reader.take(row, key: key, hasHours: hasHours, period: period) }
    guard reader.faults.isEmpty else { throw DocumentFaults(reader.faults) }
    guard let unit = reader.unit else {
      throw DocumentFaults(["no row is for \(period) (\(reader.outside) are for other periods)"])
    }
    return try reading(name, unit, period, reader, hasHours: hasHours)
  }

  private static func reading(
    _ name: String, _ unit: SeriesUnit, _ period: Period, _ reader: CSVSeries, hasHours: Bool
  ) throws(DocumentFaults) -> SeriesReading {
    do throws(AccountingError) {
      var reading = SeriesReading(
        series: try ExternalSeries(name: name, unit: unit.name, values: reader.sum.values),
        period: period)
      reading.outside = reader.outside
      reading.unmapped = reader.sum.unmapped
      if hasHours {
        reading.expectedHours = reader.hours.count
        reading.missing = reader.hours.missing
      }
      return reading
    } catch {
      throw DocumentFaults(["\(error)"])
    }
  }
}

/// A CSV series while its rows are read.
private struct CSVSeries {
  var sum: SeriesSum
  var hours: HoursSeen
  var faults: [String] = []
  var unit: SeriesUnit?
  var outside = 0

  /// Bound: faults that are named.
  private static let faultsMax = 1_000

  mutating func take(_ row: SmallTable.Row, key: String, hasHours: Bool, period: Period) {
    guard faults.count < Self.faultsMax else { return }
    guard let isInside = place(row, hasHours: hasHours, period: period) else { return }
    guard let found = SeriesUnit(row["unit"]) else {
      return fail(row, "unit \"\(row["unit"].prefix(40))\" is not one of \(SeriesUnit.names)")
    }
    if let unit, unit != found {
      return fail(row, "unit \(found.name), the rows before have \(unit.name)")
    }
    unit = found
    let label = row[key]
    if key == "tenant", !TenantNaming.isValid(label), !TenantNaming.reserved.contains(label) {
      return fail(row, "\"\(label.prefix(80))\" is not a tenant id")
    }
    do throws(AccountingError) {
      let quantity = try Amount(parsing: row["quantity"])
      guard isInside else {
        outside += 1
        return
      }
      try sum.add(quantity, label: label)
    } catch {
      fail(row, "\(error)")
    }
  }

  /// Whether a row is of the period; nil with a fault noted.
  private mutating func place(
    _ row: SmallTable.Row, hasHours: Bool, period: Period
  ) -> Bool? {
    if !hasHours {
      guard let found = try? Period(parsing: row["period"]) else {
        fail(row, "not a period (YYYY-MM): \"\(row["period"].prefix(40))\"")
        return nil
      }
      return found == period
    }
    guard let start = try? UTCInstant(parsing: row["hour"]),
      start.microseconds % SeriesReading.hour == 0
    else {
      fail(row, "not the start of an hour: \"\(row["hour"].prefix(40))\"")
      return nil
    }
    if period.contains(start) {
      hours.note(
        start..<UTCInstant(microseconds: start.microseconds + SeriesReading.hour))
    }
    return period.contains(start)
  }

  private mutating func fail(_ row: SmallTable.Row, _ reason: String) {
    faults.append("line \(row.line): \(reason)")
  }
}
