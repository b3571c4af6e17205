internal import Accounting

/// What a request to post came to, as text.
enum OrderText {
  /// Prints that an order waits, when it does.
  static func print(_ answer: JSONValue) {
    guard let order = answer["order"] else { return }
    let id = JSONText.text(order, "id")
    if order["state"] == .string("pending") {
      Swift.print(
        """
        asked as order \(id) by \(TextTable.printable(JSONText.text(order, "asked_by"))): \
        nothing is posted before another person approves it with `weir approve \(id)`
        """)
    } else {
      Swift.print(
        """
        order \(id) of \(TextTable.printable(JSONText.text(order, "asked_by"))) is \
        \(JSONText.text(order, "state")), settled by \
        \(TextTable.printable(JSONText.text(order, "settled_by")))
        """)
    }
  }

  /// Prints entries that were, or would be, posted outside of a close.
  static func corrections(_ answer: JSONValue) {
    for blocker in JSONText.list(answer, "blockers") {
      Swift.print(
        "blocked  \(JSONText.text(blocker, "code")): "
          + TextTable.printable(JSONText.text(blocker, "message")))
    }
    entries(JSONText.list(answer, "entries"))
    if answer["posted"] == .bool(true) { Swift.print("posted") }
    print(answer)
  }

  /// Prints entries with their postings and links.
  static func entries(_ entries: [JSONValue]) {
    for entry in entries {
      Swift.print(
        "\(JSONText.text(entry, "kind")) \(TextTable.printable(JSONText.text(entry, "subject"))) "
          + "in \(JSONText.text(entry, "period")), entry \(JSONText.text(entry, "id"))")
      for posting in JSONText.list(entry, "postings") { line(posting) }
      for link in JSONText.list(entry, "links") {
        Swift.print("    \(JSONText.text(link, "kind")) \(JSONText.text(link, "entry"))")
      }
    }
  }

  /// Prints one posting.
  static func line(_ posting: JSONValue) {
    Swift.print(
      "    \(TextTable.printable(JSONText.text(posting, "account")))  "
        + "\(JSONText.text(posting, "amount")) \(JSONText.text(posting, "currency"))")
  }
}
