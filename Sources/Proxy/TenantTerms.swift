/// A tenant's limit in the form that a worker compares with: whole nanoseconds, no optionals.
///
/// Rates are kept by GCRA (ITU-T I.371, "virtual scheduling"): a cell holds the theoretical arrival time of the next
/// conforming request; each admitted one moves it on by `requestNanoseconds`; one that comes more than
/// `requestTolerance` before it is refused. Immutable, shared by all workers.
final class TenantTerms: Sendable {
  /// Nanoseconds of the rate that one request takes; 0 without a limit.
  let requestNanoseconds: UInt64
  /// How far the arrival time may lie ahead of now, for a request to be admitted.
  let requestTolerance: UInt64
  /// Bytes per second; 0 without a limit.
  let bytesPerSecond: UInt64
  /// How far the arrival time of bytes may lie ahead of now, for bytes to move.
  let byteTolerance: UInt64
  /// Open requests at most; `Int.max` without a limit.
  let concurrentMax: Int
  /// Open streams at most; `Int.max` without a limit.
  let streamsMax: Int
  let isBlocked: Bool
  let priority: RequestPriority?
  /// Requests that may come at once, for RateLimit fields.
  let burst: Int
  /// The RateLimit-Policy field's value; empty when there is no policy to tell.
  let policy: [UInt8]

  init(_ limit: TenantLimit) {
    let rate = UInt64(limit.requestsPerSecond ?? 0)
    burst = max(1, limit.burst ?? limit.requestsPerSecond ?? 1)
    requestNanoseconds = rate == 0 ? 0 : 1_000_000_000 / rate
    requestTolerance = requestNanoseconds * UInt64(burst - 1)
    bytesPerSecond = UInt64(limit.bytesPerSecond ?? 0)
    let bytes = UInt64(limit.bytesBurst ?? max(65_536, limit.bytesPerSecond ?? 0))
    byteTolerance = Self.nanoseconds(of: bytes, at: bytesPerSecond)
    concurrentMax = limit.concurrentRequests ?? .max
    streamsMax = limit.openStreams ?? .max
    isBlocked = limit.isBlocked ?? false
    priority = limit.priority
    policy = Array(Self.policyText(limit, burst: burst).utf8)
  }

  /// Whether one of the four limits or a block is set.
  var isLimiting: Bool {
    requestNanoseconds > 0 || bytesPerSecond > 0 || concurrentMax != .max || streamsMax != .max
      || isBlocked || priority != nil
  }

  /// The time that a number of bytes takes at a rate; 0 without a rate.
  static func nanoseconds(of bytes: UInt64, at bytesPerSecond: UInt64) -> UInt64 {
    guard bytesPerSecond > 0 else { return 0 }
    let product = bytes.multipliedFullWidth(by: 1_000_000_000)
    // Bound: rates are at least 1,024 bytes per second, and no event has 2^44 bytes.
    guard product.high < bytesPerSecond else { return .max / 4 }
    return bytesPerSecond.dividingFullWidth(product).quotient
  }

  /// draft-ietf-httpapi-ratelimit-headers-10: a list of policies; `q` is the quota, `w` whole seconds above 0.
  private static func policyText(_ limit: TenantLimit, burst: Int) -> String {
    var policies: [String] = []
    if let rate = limit.requestsPerSecond {
      policies.append("\"requests\";q=\(burst);w=\(max(1, (burst + rate - 1) / rate))")
    }
    if let concurrent = limit.concurrentRequests {
      policies.append("\"concurrency\";q=\(concurrent);qu=\"concurrent-requests\"")
    }
    return policies.joined(separator: ", ")
  }
}
