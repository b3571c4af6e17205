internal import Accounting
internal import ArgumentParser

/// `weir orders`.
struct OrdersCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "orders", abstract: "List what waits for a second person.")

  @Flag(help: "Also what was approved or withdrawn.")
  var all = false

  @OptionGroup var connection: ConnectionOptions

  func run() throws {
    let answer = try connection.client().json(
      .init(path: "/v1/orders", query: [("state", all ? nil : "pending")]))
    if connection.json { return Output.json(answer) }
    var table = TextTable(
      ["ORDER", "STATE", "KIND", "PERIOD", "SUBJECT", "ASKED BY", "SETTLED BY", "REASON"],
      figures: [0])
    for order in JSONText.list(answer, "orders") {
      table.add(
        ["id", "state", "kind", "period", "subject", "asked_by", "settled_by", "reason"].map {
          JSONText.text(order, $0)
        })
    }
    print(table.text)
  }
}

/// `weir approve ORDER`.
struct ApproveCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "approve", abstract: "Approve, as a second person, what another asked for.",
    discussion: """
      What is posted is exactly what was asked for: when anything changed since, it is refused and \
      has to be asked for again.
      """)

  @Argument(help: "The order's number, from `weir orders`.")
  var order: Int

  @OptionGroup var connection: ConnectionOptions

  func run() throws {
    let answer = try connection.client().json(
      .init(method: "POST", path: "/v1/orders/\(order)/approve"))
    if connection.json { return Output.json(answer) }
    if answer["posted"] == nil { CloseText.print(answer) } else { OrderText.corrections(answer) }
    if answer["posted"] == nil { OrderText.print(answer) }
  }
}

/// `weir withdraw ORDER`.
struct WithdrawCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "withdraw", abstract: "Withdraw what waits for a second person.")

  @Argument(help: "The order's number, from `weir orders`.")
  var order: Int

  @OptionGroup var connection: ConnectionOptions

  func run() throws {
    let answer = try connection.client().json(
      .init(method: "POST", path: "/v1/orders/\(order)/withdraw"))
    if connection.json { return Output.json(answer) }
    print("order \(order) is \(JSONText.text(answer, "state"))")
  }
}
