internal import Accounting

/// A close, or the trial of one, as text.
enum CloseText {
  /// Prints a report of the API.
  static func print(_ answer: JSONValue) {
    let period = JSONText.text(answer, "period")
    let blockers = JSONText.list(answer, "blockers")
    let isClosed = answer["state"]?.asString == "closed"
    if isClosed {
      Swift.print("period \(period) is closed, version \(JSONText.text(answer, "version"))")
    } else if blockers.isEmpty {
      Swift.print("period \(period) can be closed")
    } else {
      Swift.print("period \(period) cannot be closed:")
    }
    for blocker in blockers { line(blocker, mark: "blocked") }
    for blocker in JSONText.list(answer, "waived") { line(blocker, mark: "waived") }
    table(answer["summary"])
    reconciliation(answer["reconciliation"])
  }

  private static func line(_ blocker: JSONValue, mark: String) {
    Swift.print(
      "  \(mark)  \(JSONText.text(blocker, "code")): "
        + TextTable.printable(JSONText.text(blocker, "message")))
  }

  /// Prints the table of a period's accounts.
  static func table(_ summary: JSONValue?) {
    guard let summary else { return }
    var table = TextTable(["ACCOUNT", "POSTED", "PRINTED"], figures: [1, 2])
    for row in JSONText.list(summary, "rows") {
      table.add(["account", "amount", "printed"].map { JSONText.text(row, $0) })
    }
    table.add([
      "total \(JSONText.text(summary, "currency"))", JSONText.text(summary, "total"),
      JSONText.text(summary, "printed_total"),
    ])
    Swift.print(table.text)
  }

  /// Prints the bridge from the invoice to who bears it, and whether usage agrees.
  static func reconciliation(_ document: JSONValue?) {
    guard let document, let costs = document["costs"] else { return }
    var bridge = TextTable(["RECONCILIATION", JSONText.text(costs, "currency")], figures: [1])
    for line in JSONText.list(costs, "lines") {
      bridge.add([JSONText.text(line, "cause"), JSONText.text(line, "amount")])
    }
    bridge.add(["difference", JSONText.text(costs, "difference")])
    Swift.print("\n" + bridge.text)
    let categories = JSONText.list(document, "categories")
    if !categories.isEmpty {
      var table = TextTable(["OF THE BILL", "RECORDS", "BILLED", "EFFECTIVE"], figures: [1, 2, 3])
      for category in categories {
        table.add(
          ["category", "records", "billed", "effective"].map { JSONText.text(category, $0) })
      }
      Swift.print("\n" + table.text)
    }
    for reason in JSONText.list(costs, "reasons") { Swift.print("  \(JSONText.plain(reason))") }
    let usage = document["usage"]
    let differing = JSONText.list(usage, "rows").filter { $0["agrees"] == .bool(false) }
    Swift.print(
      differing.isEmpty
        ? "usage: batches, store and statements agree on every quantity"
        : "usage differs on: \(differing.map { JSONText.text($0, "quantity") })")
    variance(document["variance"])
    let printed = JSONText.text(document, "printed_difference")
    if printed.contains(where: { ("1"..."9").contains($0) }) {
      Swift.print("printed statements differ from the printed period by \(printed)")
    }
    Swift.print("ties out: \(JSONText.text(document, "ties_out"))")
  }

  /// Prints what was posted outside of closes, when anything was.
  static func corrections(_ document: JSONValue?) {
    let words = [("posted_here", "posted in it"), ("because_of_it", "posted later because of it")]
    for (key, title) in words {
      let sums = document?[key]
      guard (sums?["entries"]?.asInteger ?? 0) > 0 else { continue }
      let parts = JSONText.list(sums, "sums").map {
        "\(JSONText.text($0, "kind")) \(JSONText.text($0, "amount")) \(JSONText.text($0, "currency"))"
      }
      Swift.print(
        "\(title): \(JSONText.text(sums, "entries")) entries, \(parts.joined(separator: ", "))")
    }
  }

  /// Prints SLI M5.
  static func variance(_ variance: JSONValue?) {
    guard let variance, variance != .null else { return }
    Swift.print(
      """
      variance from the bill (M5): \(JSONText.text(variance, "variance")), at most \
      \(JSONText.text(variance, "threshold")) is in order: \(JSONText.text(variance, "met"))
      """)
  }
}
