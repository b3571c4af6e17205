internal import Usage

/// One key of the configuration file: where it stands, what it means, and how its value is taken.
///
/// The table drives decoding, the refusal of unknown keys, and the test of
/// docs/reference/allocator-configuration.md.
public struct ConfigurationKey: Sendable {
  /// Why a value is refused, as the end of a sentence that begins with its path.
  struct Refusal: Error {
    /// The phrase.
    let reason: String
  }

  /// A value of the file.
  enum Value {
    /// A single value.
    case text(String)
    /// A list of single values.
    case list([String])
  }

  /// The path with dots.
  public let path: String
  /// The default, as it would stand in the file.
  public let standard: String
  /// One line for the reference.
  public let meaning: String
  /// Takes a value.
  let take: @Sendable (inout AllocatorConfiguration, Value) throws(Refusal) -> Void

  /// All keys, in the order of the reference.
  public static let all: [ConfigurationKey] = [
    address("listen", \.listen, "address and port of the API"),
    address("admin", \.admin, "address and port of /healthz, /readyz and /metrics"),
    store, logLevel, seriesSources, expected,
    number(
      "proxies.silence_seconds", \.proxies.silenceSeconds, 10...86_400,
      "silence after which a proxy is reported; also the longest gap that is no hole in coverage"),
    number(
      "proxies.future_seconds", \.proxies.futureSeconds, 1...86_400,
      "how far in the future a batch may begin before it is quarantined"),
    number(
      "approvals.people", \.approvals.people, 1...2,
      "people whom a close, a restatement or a correction needs: with 2, one asks and another approves"
    ),
    number(
      "reconciliation.variance_basis_points", \.reconciliation.varianceBasisPoints, 0...10_000,
      "largest variance from the provider's bill that is in order (SLI M5), in hundredths of a percent"
    ),
    number(
      "limits.batch_bytes", \.limits.batchBytes, 1_024...(1 << 30),
      "largest body of one batch"),
    number(
      "limits.batch_decoded_bytes", \.limits.batchDecodedBytes, 1_024...(4 << 30),
      "largest batch once decompressed"),
    number(
      "limits.cost_bytes", \.limits.costBytes, 1_024...(1 << 44),
      "largest cost file, after decompression"),
    number(
      "limits.document_bytes", \.limits.documentBytes, 1_024...(1 << 30),
      "largest policy or tenant register"),
    number(
      "limits.concurrent_batches", \.limits.concurrentBatches, 1...64,
      "batches decoded at once"),
    number(
      "limits.concurrent_imports", \.limits.concurrentImports, 1...16,
      "cost files read at once"),
    number(
      "limits.connections", \.limits.connections, 1...65_535,
      "open connections on the API's port"),
    number(
      "limits.idle_seconds", \.limits.idleSeconds, 1...3_600,
      "silence after which a connection is closed"),
  ]

  private static let store = ConfigurationKey(
    path: "store", standard: AllocatorConfiguration().store,
    meaning: "path of the database; seals of closed periods are kept in `seals/` beside it"
  ) { (configuration, value) throws(Refusal) in
    configuration.store = try text(value)
  }

  private static let logLevel = ConfigurationKey(
    path: "log_level", standard: "info",
    meaning: "trace, debug, info, notice, warning, error or critical"
  ) { (configuration, value) throws(Refusal) in
    let level = try text(value)
    let known = ["trace", "debug", "info", "notice", "warning", "error", "critical"]
    guard known.contains(level) else {
      throw Refusal(reason: "must be one of \(known.joined(separator: ", "))")
    }
    configuration.logLevel = level
  }

  private static let seriesSources = ConfigurationKey(
    path: "series.sources", standard: "\"\"",
    meaning: "file that says where external series are fetched; read anew for each fetch"
  ) { (configuration, value) throws(Refusal) in
    guard case .text(let path) = value else { throw Refusal(reason: "must be a single value") }
    configuration.seriesSources = path
  }

  private static let expected = ConfigurationKey(
    path: "proxies.expected", standard: "[]",
    meaning: "names of proxies that must report; others are learnt"
  ) { (configuration, value) throws(Refusal) in
    guard case .list(let names) = value else { throw Refusal(reason: "must be a list of names") }
    for name in names where RouteName(name) == nil {
      throw Refusal(reason: "\"\(name)\" is not an instance name")
    }
    guard Set(names).count == names.count else { throw Refusal(reason: "names one proxy twice") }
    configuration.proxies.expected = names
  }

  private static func address(
    _ path: String,
    _ target: any WritableKeyPath<AllocatorConfiguration, AllocatorConfiguration.Address>
      & Sendable,
    _ meaning: String
  ) -> ConfigurationKey {
    ConfigurationKey(
      path: path, standard: AllocatorConfiguration()[keyPath: target].description,
      meaning: meaning
    ) { (configuration, value) throws(Refusal) in
      let given = try text(value)
      guard let address = AllocatorConfiguration.Address(given) else {
        throw Refusal(reason: "\"\(given)\" is not host:port")
      }
      configuration[keyPath: target] = address
    }
  }

  private static func number(
    _ path: String, _ target: any WritableKeyPath<AllocatorConfiguration, Int> & Sendable,
    _ range: ClosedRange<Int>, _ meaning: String
  ) -> ConfigurationKey {
    ConfigurationKey(
      path: path, standard: String(AllocatorConfiguration()[keyPath: target]), meaning: meaning
    ) { (configuration, value) throws(Refusal) in
      let given = try text(value)
      guard let number = Int(given), range.contains(number) else {
        throw Refusal(
          reason: "must be a whole number from \(range.lowerBound) to \(range.upperBound), "
            + "found \"\(given)\"")
      }
      configuration[keyPath: target] = number
    }
  }

  private static func text(_ value: Value) throws(Refusal) -> String {
    guard case .text(let text) = value, !text.isEmpty else {
      throw Refusal(reason: "must be a single value")
    }
    return text
  }
}
