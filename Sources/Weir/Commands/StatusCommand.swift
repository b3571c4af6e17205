internal import Accounting
internal import ArgumentParser

/// `weir status`.
struct StatusCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status",
    abstract: "Show proxies, freshness, gaps, spools and batches kept aside.",
    discussion: "Exits with 1 when a proxy is silent or something is missing or kept aside.")

  @OptionGroup var connection: ConnectionOptions

  func run() throws {
    let answer = try connection.client().json(.init(path: "/v1/status"))
    if connection.json { Output.json(answer) } else { show(answer) }
    if Self.isTroubled(answer) { throw ExitCode(1) }
  }

  private func show(_ answer: JSONValue) {
    var table = TextTable(
      ["PROXY", "SILENT", "LAST RECEIVED", "BEHIND S", "BATCHES", "MISSING", "SPOOL"],
      figures: [3, 4, 5, 6])
    let keys = [
      "instance", "silent", "last_received", "seconds_behind", "batches", "batches_missing",
      "spool_batches",
    ]
    for proxy in JSONText.list(answer, "proxies") {
      table.add(keys.map { JSONText.text(proxy, $0) })
    }
    print(table.text)
    let batches = answer["batches"]
    let counts = [
      "stored", "rows", "late", "quarantined", "conflicts", "unconserved", "volatile", "recovered",
      "clock_stepped",
    ].map { "\($0) \(JSONText.text(batches, $0))" }
    print("batches: \(counts.joined(separator: ", "))")
    print("policy: \(JSONText.text(answer, "policy"))")
    print("epoch: \(JSONText.text(answer, "epoch"))")
  }

  private static func isTroubled(_ answer: JSONValue) -> Bool {
    let proxies = JSONText.list(answer, "proxies")
    let batches = answer["batches"]
    return proxies.contains {
      $0["silent"] == .bool(true) || ($0["batches_missing"]?.asInteger ?? 0) > 0
    }
      || ["quarantined", "conflicts", "unconserved"].contains {
        (batches?[$0]?.asInteger ?? 0) > 0
      }
  }
}
