internal import Accounting

/// Disputes as text.
enum DisputeText {
  /// Sends an event and prints what the dispute is then.
  static func send(
    _ path: String, _ members: [JSONValue.Member], _ connection: ConnectionOptions
  ) throws {
    let answer = try connection.client().json(
      .init(
        method: "POST", path: path, body: JSONValue.object(members).canonicalBytes,
        contentType: "application/json"))
    if connection.json { Output.json(answer) } else { show(answer) }
  }

  /// A line each.
  static func table(_ disputes: [JSONValue]) {
    var table = TextTable(
      ["DISPUTE", "STATE", "PERIOD", "TENANT", "AMOUNT", "CURRENCY", "AGE DAYS"],
      figures: [0, 4, 6])
    for dispute in disputes {
      let days = (dispute["age_seconds"]?.asInteger ?? 0) / 86_400
      table.add(
        ["id", "state", "period", "tenant", "amount", "currency"].map {
          JSONText.text(dispute, $0)
        } + [String(days)])
    }
    print(table.text)
  }

  /// One with everything that was said.
  static func show(_ dispute: JSONValue) {
    print(
      """
      dispute \(JSONText.text(dispute, "id")) is \(JSONText.text(dispute, "state")): \
      \(TextTable.printable(JSONText.text(dispute, "tenant"))), \
      \(JSONText.text(dispute, "period")) version \(JSONText.text(dispute, "version")), \
      \(JSONText.text(dispute, "amount")) \(JSONText.text(dispute, "currency"))
      """)
    for event in JSONText.list(dispute, "events") {
      var line =
        "  \(JSONText.text(event, "at"))  \(JSONText.text(event, "kind"))  "
        + "\(JSONText.text(event, "by")): \(JSONText.text(event, "text"))"
      if event["outcome"]?.asString != nil { line += "  [\(JSONText.text(event, "outcome"))]" }
      print(TextTable.printable(line))
      if event["evidence_sha256"]?.asString != nil {
        print(
          "      evidence \(TextTable.printable(JSONText.text(event, "evidence_name"))) "
            + "sha256 \(JSONText.text(event, "evidence_sha256"))")
      }
      if event["entry"]?.asString != nil { print("      entry \(JSONText.text(event, "entry"))") }
    }
  }
}
