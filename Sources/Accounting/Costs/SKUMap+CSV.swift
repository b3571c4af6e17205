/// Everything that is wrong with a document of rows: SKU maps, tenant maps, series.
public struct DocumentFaults: Error, Hashable, Sendable, CustomStringConvertible {
  /// One line each, beginning with the place.
  public let faults: [String]

  /// Faults of a document; never empty.
  public init(_ faults: [String]) {
    precondition(!faults.isEmpty, "a faulty document has a fault")
    self.faults = faults
  }

  /// All faults, one a line.
  public var description: String { faults.joined(separator: "\n") }
}

extension SKUMap {
  /// The columns of the file.
  public static let columns = [
    "provider", "service", "sku", "normalized_service", "unit", "from", "until",
  ]

  /// Reads a map: CSV with `normalized_service` and at least one of `provider`, `service`, `sku`.
  ///
  /// Throws all faults at once, each with its line.
  public static func decode(_ bytes: [UInt8]) throws(DocumentFaults) -> SKUMap {
    let table = try SmallTable(
      bytes, columns: columns, required: ["normalized_service"], rowsMax: entriesMax)
    var faults: [String] = []
    guard !table.columns.isDisjoint(with: ["provider", "service", "sku"]) else {
      throw DocumentFaults(["line 1: one of the columns provider, service, sku is needed"])
    }
    var entries: [Entry] = []
    var prefixes = 0
    var alike: [Names: Int] = [:]
    for row in table.rows {
      var entry = Entry(
        line: row.line, provider: row["provider"], service: row["service"], sku: row["sku"],
        normalizedService: row["normalized_service"], unit: row["unit"])
      if entry.normalizedService.isEmpty {
        faults.append("line \(row.line): normalized_service must not be empty")
      }
      if entry.provider.isEmpty, entry.service.isEmpty, entry.sku.isEmpty {
        faults.append(
          "line \(row.line): the row names no provider, service or SKU; write * for all")
      }
      entry.from = instant(row, "from", &faults)
      entry.until = instant(row, "until", &faults)
      if let from = entry.from, let until = entry.until, from >= until {
        faults.append("line \(row.line): until is not after from")
      }
      if let names = entry.names {
        alike[names, default: 0] += 1
        if alike[names] == alikeMax + 1 {
          faults.append(
            "line \(row.line): more than \(alikeMax) rows for the same provider, service and SKU")
        }
      } else {
        prefixes += 1
        if prefixes == prefixesMax + 1 {
          faults.append(
            "line \(row.line): more than \(prefixesMax) rows with a beginning before *; "
              + "name the others in full")
        }
      }
      entries.append(entry)
    }
    if !faults.isEmpty { throw DocumentFaults(faults) }
    return SKUMap(entries: entries)
  }

  private static func instant(
    _ row: SmallTable.Row, _ column: String, _ faults: inout [String]
  ) -> UTCInstant? {
    let text = row[column]
    guard !text.isEmpty else { return nil }
    if let instant = try? UTCInstant(parsing: text) { return instant }
    faults.append("line \(row.line): \(column): not a date: \"\(text.prefix(40))\"")
    return nil
  }
}

/// A CSV document that is small enough to be held: its rows by the names of its columns.
struct SmallTable {
  /// One row.
  struct Row {
    /// The line on which it begins.
    let line: Int
    fileprivate let cells: [String: String]

    /// The text of a column; empty when the file has no such column.
    subscript(column: String) -> String { cells[column] ?? "" }
  }

  /// The columns of the file.
  private(set) var columns: Set<String> = []
  /// The rows after the header.
  private(set) var rows: [Row] = []

  /// Reads a document whose columns are among `columns`, in any order; throws all faults.
  init(
    _ bytes: [UInt8], columns known: [String], required: [String], rowsMax: Int
  ) throws(DocumentFaults) {
    var scanner = CSVScanner(limits: CostFileLimits(fieldBytesMax: 4_096, rowBytesMax: 65_536))
    scanner.append(bytes)
    var names: [String] = []
    var faults: [String] = []
    while let outcome = scanner.next(isEnd: true) {
      let row = scanner.row
      switch outcome {
      case .fault(let line, let reason): faults.append("line \(line): \(reason)")
      case .row where names.isEmpty:
        names = (0..<row.count).map { row.text($0) ?? "" }
        faults += names.filter { !known.contains($0) }.map {
          "line 1: unknown column \"\($0.prefix(40))\" (known: \(known.joined(separator: ", ")))"
        }
        faults += required.filter { !names.contains($0) }.map {
          "line 1: the column \($0) is missing"
        }
        if Set(names).count != names.count { faults.append("line 1: a column stands twice") }
        // Rows under a header that is wrong have nothing to say.
        if !faults.isEmpty { throw DocumentFaults(faults) }
      case .row where row.count != names.count:
        faults.append("line \(row.line): \(row.count) cells, the header has \(names.count)")
      case .row:
        guard rows.count < rowsMax else {
          throw DocumentFaults(faults + ["the file has more than \(rowsMax) rows"])
        }
        var cells: [String: String] = [:]
        for (index, name) in names.enumerated() {
          guard let text = row.text(index) else {
            faults.append("line \(row.line): \(name) is not UTF-8")
            continue
          }
          cells[name] = text
        }
        rows.append(Row(line: row.line, cells: cells))
      }
    }
    if names.isEmpty { throw DocumentFaults(faults + ["the file is empty"]) }
    if !faults.isEmpty { throw DocumentFaults(faults) }
    columns = Set(names)
  }
}
