internal import ArgumentParser
internal import Foundation

/// Where the allocator is, and who asks.
struct ConnectionOptions: ParsableArguments {
  @Option(help: "The allocator's address (default: WEIR_SERVER, or http://127.0.0.1:8600).")
  var server: String?

  @Option(help: "A file that holds the bearer token (default: WEIR_TOKEN_FILE).")
  var tokenFile: String?

  @Flag(help: "Print the allocator's answer as JSON.")
  var json = false

  /// A client for these options.
  func client() throws(CommandFailure) -> APIClient {
    let environment = ProcessInfo.processInfo.environment
    let address = server ?? environment["WEIR_SERVER"] ?? "http://127.0.0.1:8600"
    guard address.hasPrefix("http://") || address.hasPrefix("https://") else {
      throw .failed("\(address) is not an http or https address")
    }
    guard let file = tokenFile ?? environment["WEIR_TOKEN_FILE"] else {
      throw .failed(
        "no token",
        hint: "name its file with --token-file or WEIR_TOKEN_FILE; "
          + "the first one is made by `weir token create --role operator --store PATH`")
    }
    let token = try LocalFile.text(file).trimmingCharacters(in: .whitespacesAndNewlines)
    guard !token.isEmpty else { throw .failed("\(file) holds no token") }
    return APIClient(server: address, token: token)
  }
}
