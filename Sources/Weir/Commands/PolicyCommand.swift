internal import Accounting
internal import ArgumentParser

/// `weir policy check|set|show|diff`.
struct PolicyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "policy", abstract: "Check, compare, set or show the allocation policy.",
    subcommands: [Check.self, Activate.self, Show.self, PolicyDiffCommand.self])

  /// `weir policy check FILE`.
  struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "check", abstract: "Explain a policy, or name everything wrong with it.")

    @Argument(help: "The policy (YAML).")
    var file: String

    @OptionGroup var connection: ConnectionOptions

    func run() throws {
      let answer = try connection.client().json(
        .init(
          method: "POST", path: "/v1/policy/check", body: try LocalFile.bytes(file),
          contentType: "application/yaml"))
      PolicyCommand.explain(answer, asJSON: connection.json)
    }
  }

  /// `weir policy set FILE`.
  struct Activate: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "set", abstract: "Make a policy the one that the next close uses.")

    @Argument(help: "The policy (YAML).")
    var file: String

    @OptionGroup var connection: ConnectionOptions

    func run() throws {
      let answer = try connection.client().json(
        .init(
          method: "PUT", path: "/v1/policy", body: try LocalFile.bytes(file),
          contentType: "application/yaml"))
      PolicyCommand.explain(answer, asJSON: connection.json)
    }
  }

  /// `weir policy show`.
  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "show", abstract: "Print the current policy document.")

    @OptionGroup var connection: ConnectionOptions

    func run() throws {
      let answer = try connection.client().json(.init(path: "/v1/policy"))
      if connection.json { return Output.json(answer) }
      print(answer["document"]?.asString ?? "", terminator: "")
    }
  }

  private static func explain(_ answer: JSONValue, asJSON: Bool) {
    if asJSON { return Output.json(answer) }
    for line in JSONText.list(answer, "explanation") { print(JSONText.plain(line)) }
  }
}
