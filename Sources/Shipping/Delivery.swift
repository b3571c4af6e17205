internal import HTTPClient
internal import Logging
internal import Platform
internal import Synchronization
internal import Usage

/// Delivers the spool's batches one after the other: one in flight, the oldest first.
///
/// Used by one thread. `step` does one try and says when the next one is due; waiting is the caller's.
final class Delivery {
  /// When to call `step` again.
  enum Next: Equatable {
    case now
    case afterMilliseconds(UInt64)
    case whenWoken
  }

  private let configuration: ShippingConfiguration
  private let spool: Spool
  private let client: HTTPClient
  private let syscalls: Syscalls
  private let clock: Clock
  private let logger: Logger
  private let metrics: MetricsCell
  private var pause: RetryPause
  private var random = SystemRandomNumberGenerator()

  private static let tokenBytesMax = 4096
  private static let retryAfterSecondsMax: UInt64 = 3600

  init(
    _ configuration: ShippingConfiguration, spool: Spool, syscalls: Syscalls, clock: Clock,
    logger: Logger, metrics: MetricsCell
  ) throws(HTTPClientError) {
    self.configuration = configuration
    self.spool = spool
    self.syscalls = syscalls
    self.clock = clock
    self.logger = logger
    self.metrics = metrics
    pause = RetryPause(
      baseMilliseconds: configuration.retryBaseMilliseconds,
      maxMilliseconds: configuration.retryMaxMilliseconds)
    client = try HTTPClient(
      HTTPClientConfiguration(
        connectTimeoutMilliseconds: configuration.connectTimeoutMilliseconds,
        totalTimeoutMilliseconds: configuration.deliveryTimeoutMilliseconds,
        caFile: configuration.caFile, unixSocketPath: configuration.unixSocketPath))
  }

  /// One try. `timeoutMilliseconds` shortens the configured one, for a drain.
  func step(timeoutMilliseconds: Int? = nil) -> Next {
    do throws(ShippingError) {
      guard let offer = try spool.nextOffer() else { return .whenWoken }
      let token = try readToken()
      let response: HTTPResponse
      do throws(HTTPClientError) {
        response = try client.send(
          request(offer, token: token, timeoutMilliseconds: timeoutMilliseconds))
      } catch {
        return retry("a batch was not delivered", offer, ["error": "\(error)"])
      }
      return try take(response, to: offer)
    } catch {
      logger.error("the spool cannot be worked on", metadata: ["error": "\(error)"])
      metrics.change { $0.retries += 1 }
      return .afterMilliseconds(pause.next(using: &random))
    }
  }

  private func readToken() throws(ShippingError) -> String {
    let bytes: [UInt8]
    do throws(SystemError) {
      bytes = try syscalls.readFile(configuration.tokenFile, bytesMax: Self.tokenBytesMax)
    } catch {
      throw .system(error, path: configuration.tokenFile)
    }
    let isSpace = { (byte: UInt8) in byte == 0x20 || (0x09...0x0D).contains(byte) }
    var token = bytes[...]
    while let last = token.last, isSpace(last) { token.removeLast() }
    while let first = token.first, isSpace(first) { token.removeFirst() }
    return String(decoding: token, as: UTF8.self)
  }

  private func request(
    _ offer: Spool.Offer, token: String, timeoutMilliseconds: Int?
  ) -> HTTPRequest {
    var url = configuration.allocatorURL
    while url.hasSuffix("/") { url.removeLast() }
    let status = spool.status
    return HTTPRequest(
      method: "POST", url: url + "/v1/batches",
      headers: [
        .init("Authorization", "Bearer \(token)"),
        .init("Content-Type", "application/vnd.weir.batch"),
        .init("Idempotency-Key", offer.name.description),
        .init("Weir-Spool", "\(status.pendingBatches) \(status.pendingBytes)"),
      ],
      body: offer.bytes, totalTimeoutMilliseconds: timeoutMilliseconds)
  }

  private func take(
    _ response: HTTPResponse, to offer: Spool.Offer
  ) throws(ShippingError) -> Next {
    switch response.status {
    case 200, 201:
      guard let answer = DeliveryAnswer(response.body), answer.name == offer.name else {
        return retrySlowly("the allocator's answer is not understood", offer, response.status)
      }
      try take(answer, to: offer)
      return .now
    case 409:
      logger.error(
        "the allocator holds other bytes under the name of a batch: set aside in conflict/",
        metadata: ["batch": "\(offer.name)"])
      try spool.setAside(offer, .conflict)
      metrics.change { $0.conflicts += 1 }
    case 400, 413, 422:
      logger.error(
        "the allocator refuses a batch for its content: set aside in rejected/",
        metadata: ["batch": "\(offer.name)", "status": "\(response.status)"])
      try spool.setAside(offer, .rejected)
      metrics.change { $0.rejected += 1 }
    case 401, 403:
      metrics.change { $0.unauthorized += 1 }
      return retrySlowly("the allocator refuses the token", offer, response.status)
    case 408, 425, 429, 500...:
      let seconds = response.header("retry-after").flatMap(UInt64.init) ?? 0
      return retry(
        "the allocator asks to come back", offer, ["status": "\(response.status)"],
        atLeast: min(seconds, Self.retryAfterSecondsMax) * 1000)
    default:
      return retrySlowly("not an answer to a batch: is the URL right?", offer, response.status)
    }
    pause.reset()
    return .now
  }

  private func take(_ answer: DeliveryAnswer, to offer: Spool.Offer) throws(ShippingError) {
    let newNames = answer.status == .stored ? offer.nameCount : 0
    let again = try spool.learn(answer.store, newNames: newNames)
    if again > 0 {
      logger.warning(
        "the allocator's store is new or older than it was: kept batches are offered again",
        metadata: ["batches": "\(again)", "epoch": "\(answer.store.epoch)"])
    }
    try spool.acknowledge(offer)
    pause.reset()
    let now = clock.wallMicroseconds()
    metrics.change { metrics in
      metrics.lastSuccessMicroseconds = now
      metrics.offeredAgain += UInt64(again)
      switch answer.status {
      case .stored: metrics.delivered += 1
      case .duplicate: metrics.duplicates += 1
      case .quarantined: metrics.quarantined += 1
      }
    }
    if answer.status == .quarantined {
      logger.error(
        "the allocator put a batch into quarantine", metadata: ["batch": "\(offer.name)"])
    }
    for name in answer.missing where name != offer.name { try offerAgain(name) }
  }

  private func offerAgain(_ name: BatchName) throws(ShippingError) {
    if try spool.offerAgain(name) { return metrics.change { $0.offeredAgain += 1 } }
    metrics.change { $0.lost += 1 }
    logger.error(
      "the allocator misses a batch that is not kept any more", metadata: ["batch": "\(name)"])
  }

  private func retry(
    _ message: Logger.Message, _ offer: Spool.Offer, _ facts: Logger.Metadata,
    atLeast: UInt64 = 0
  ) -> Next {
    let milliseconds = pause.next(atLeast: atLeast, using: &random)
    metrics.change { $0.retries += 1 }
    var metadata = facts
    metadata["batch"] = "\(offer.name)"
    metadata["pause_ms"] = "\(milliseconds)"
    // Only the first failure of a row is told: the metric says how it goes on.
    logger.log(level: pause.failures == 1 ? .warning : .debug, message, metadata: metadata)
    return .afterMilliseconds(milliseconds)
  }

  /// For what only a person can end: said each time, tried at the longest pause.
  private func retrySlowly(
    _ message: Logger.Message, _ offer: Spool.Offer, _ status: Int
  ) -> Next {
    metrics.change { $0.retries += 1 }
    logger.error(message, metadata: ["batch": "\(offer.name)", "status": "\(status)"])
    return .afterMilliseconds(pause.slow())
  }
}

/// The shipper's counters, written by its thread and read by any.
final class MetricsCell: Sendable {
  private let metrics = Mutex(ShippingMetrics())

  /// The counters as they stand.
  var snapshot: ShippingMetrics { metrics.withLock { $0 } }

  /// Changes them in one step.
  func change(_ body: (inout ShippingMetrics) -> Void) { metrics.withLock { body(&$0) } }
}
