internal import Accounting

/// Imports and what they changed, for people.
enum ImportText {
  /// An import with its totals, differences and faults.
  static func printImport(_ answer: JSONValue) {
    let isUnchanged = answer["status"]?.asString == "unchanged"
    let version = answer["focus_version"]?.asString
    let form = version.map { "FOCUS \($0)" } ?? JSONText.text(answer, "format")
    var line =
      "import \(JSONText.text(answer, "id")) of \(JSONText.text(answer, "source")): "
      + (isUnchanged ? "unchanged, it was imported before" : "stored")
      + ", \(form), \(JSONText.text(answer, "rows_good")) rows good, "
      + "\(JSONText.text(answer, "rows_quarantined")) in quarantine"
    let skipped = answer["rows_skipped"]?.asInteger ?? 0
    if skipped > 0 { line += ", \(skipped) left out because other rows carry their money" }
    print(line)
    var totals = TextTable(
      ["PERIOD", "CURRENCY", "RECORDS", "BILLED", "EFFECTIVE"], figures: [2, 3, 4])
    for total in JSONText.list(answer, "totals") {
      totals.add(
        ["period", "currency", "records", "billed", "effective"].map { JSONText.text(total, $0) })
    }
    print(totals.text)
    printDifferences(answer)
    for fault in JSONText.list(answer, "faults") {
      let parts = ["line", "column", "reason", "value"].map {
        TextTable.printable(JSONText.text(fault, $0))
      }
      let file = fault["file"]?.asString.map { TextTable.printable($0) + ": " } ?? ""
      print("\(file)line \(parts[0]): \(parts[1]): \(parts[2]) (found \(parts[3]))")
    }
  }

  /// What changed in each period, by service and charge category.
  static func printDifferences(_ answer: JSONValue) {
    for change in JSONText.list(answer, "differences") {
      let late = change["late"] == .bool(true) ? " (LATE: the period is closed)" : ""
      print(
        "\(JSONText.text(change, "period")): changes against import "
          + "\(JSONText.text(change, "replaces"))\(late)")
      var table = TextTable(
        ["SERVICE", "CATEGORY", "CURRENCY", "RECORDS", "BILLED CHANGE", "EFFECTIVE CHANGE"],
        figures: [3, 4, 5])
      for row in JSONText.list(change, "rows") {
        let records =
          (row["records_after"]?.asInteger ?? 0) - (row["records_before"]?.asInteger ?? 0)
        table.add([
          JSONText.text(row, "service"), JSONText.text(row, "charge_category"),
          JSONText.text(row, "currency"), records > 0 ? "+\(records)" : String(records),
          JSONText.text(row, "billed_change"), JSONText.text(row, "effective_change"),
        ])
      }
      print(table.text)
    }
  }
}
