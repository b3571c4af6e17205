internal import Accounting
internal import Allocator
internal import ArgumentParser
internal import Foundation
internal import Logging
internal import Store

/// `weir allocator`: serves until SIGTERM or SIGINT.
struct AllocatorCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "allocator", abstract: "Run the allocator server.")

  @Option(help: "The configuration file (YAML).")
  var config: String

  @Flag(help: "Read the configuration, name every fault, and end.")
  var check = false

  func run() async throws {
    let configuration = try read()
    if check {
      print("\(config): ok")
      return
    }
    LoggingSystem.bootstrap(StreamLogHandler.standardError)
    var logger = Logger(label: "weir.allocator")
    logger.logLevel = Logger.Level(rawValue: configuration.logLevel) ?? .info
    do {
      try FileManager.default.createDirectory(
        at: URL(fileURLWithPath: configuration.store).deletingLastPathComponent(),
        withIntermediateDirectories: true)
      let store = try await EmbeddedStore.open(at: configuration.store, create: true)
      let server = AllocatorServer(
        configuration: configuration, store: store, logger: logger, clock: { WallClock.now() },
        noteListening: { [logger] in Self.note($0, logger) })
      try await server.runUntilSignalled()
      try store.close()
    } catch {
      throw CommandFailure.failed("the allocator ends: \(error)")
    }
  }

  private func read() throws -> AllocatorConfiguration {
    do {
      return try ConfigurationFile.configuration(try LocalFile.bytes(config))
    } catch let faults as ConfigurationFaults {
      throw CommandFailure.failed(
        (["\(config) has faults:"] + faults.faults).joined(separator: "\n  "))
    }
  }

  private static func note(_ listening: AllocatorServer.Listening, _ logger: Logger) {
    switch listening {
    case .api(let port): logger.info("listening", metadata: ["api_port": "\(port)"])
    case .admin(let port): logger.info("listening", metadata: ["admin_port": "\(port)"])
    }
  }
}
