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
    for reason in JSONText.list(costs, "reasons") { Swift.print("  \(JSONText.plain(reason))") }
    let usage = document["usage"]
    let differing = JSONText.list(usage, "rows").filter { $0["agrees"] == .bool(false) }
    Swift.print(
      differing.isEmpty
        ? "usage: batches, store and statements agree on every quantity"
        : "usage differs on: \(differing.map { JSONText.text($0, "quantity") })")
    Swift.print("ties out: \(JSONText.text(document, "ties_out"))")
  }
}
