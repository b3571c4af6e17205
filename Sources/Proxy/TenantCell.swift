import Metering
import Synchronization
import Usage

/// What one tenant uses now, over all workers: the one thing that workers share on the request path, and only
/// for tenants that have a limit.
///
/// All orderings are relaxed but for `users`: each word is a limit of its own, nothing is read through it, and
/// a bound that is seen a few nanoseconds late is still a bound. Additions are atomic, so no count is lost.
final class TenantCell: Sendable {
  /// Theoretical arrival time of the next request, monotonic nanoseconds.
  private let requestTime = Atomic<UInt64>(0)
  /// The same for the next byte.
  private let byteTime = Atomic<UInt64>(0)
  private let concurrent = Atomic<Int>(0)
  private let streams = Atomic<Int>(0)
  private let chargedRequests = Atomic<UInt64>(0)
  private let chargedBytes = Atomic<UInt64>(0)
  /// The second in which this tenant was last reported as limited, plus one.
  private let reported = Atomic<UInt64>(0)
  /// Exchanges that hold this cell; `claim` while it is being given to another tenant.
  private let users = Atomic<Int>(0)

  private static let claim = 1 << 40

  /// Requests counted in the meter for this tenant since the cell began.
  var requests: UInt64 { chargedRequests.load(ordering: .relaxed) }
  /// Bytes counted in the meter for this tenant since the cell began: received and sent.
  var bytes: UInt64 { chargedBytes.load(ordering: .relaxed) }
  /// Admitted requests that have not ended.
  var openRequests: Int { concurrent.load(ordering: .relaxed) }
  /// Tunnels and event streams that are open.
  var openStreams: Int { streams.load(ordering: .relaxed) }

  // MARK: Rates

  /// Admits one request to the rate; else how long to wait, in nanoseconds.
  func admitRequest(_ terms: TenantTerms, at now: UInt64) -> UInt64? {
    guard terms.requestNanoseconds > 0 else { return nil }
    var expected = requestTime.load(ordering: .relaxed)
    // Bound: one of the workers that compete goes on in each round.
    while true {
      let earliest = max(expected, now)
      guard earliest - now <= terms.requestTolerance else {
        return earliest - now - terms.requestTolerance
      }
      let (exchanged, original) = requestTime.weakCompareExchange(
        expected: expected, desired: earliest + terms.requestNanoseconds, ordering: .relaxed)
      if exchanged { return nil }
      expected = original
    }
  }

  /// Requests that would be admitted now, and whole seconds until one more than that would.
  func remaining(_ terms: TenantTerms, at now: UInt64) -> (requests: Int, seconds: UInt64) {
    guard terms.requestNanoseconds > 0 else { return (0, 0) }
    let ahead = max(requestTime.load(ordering: .relaxed), now) - now
    let limit = terms.requestTolerance + terms.requestNanoseconds
    let room = limit > ahead ? Int((limit - ahead) / terms.requestNanoseconds) : 0
    let wait = ahead > terms.requestTolerance ? ahead - terms.requestTolerance : ahead
    return (min(room, terms.burst), Self.seconds(wait))
  }

  /// Whole seconds, rounded up.
  static func seconds(_ nanoseconds: UInt64) -> UInt64 {
    (nanoseconds + 999_999_999) / 1_000_000_000
  }

  /// Charges what is being recorded in the meter, in the same call.
  func charge(_ deltas: borrowing Deltas, _ terms: TenantTerms, at now: UInt64) {
    let requests = deltas[.requests]
    if requests > 0 { chargedRequests.wrappingAdd(requests, ordering: .relaxed) }
    let bytes = deltas[.requestBytes] &+ deltas[.responseBytes]
    guard bytes > 0 else { return }
    chargedBytes.wrappingAdd(bytes, ordering: .relaxed)
    guard terms.bytesPerSecond > 0 else { return }
    let cost = TenantTerms.nanoseconds(of: bytes, at: terms.bytesPerSecond)
    var expected = byteTime.load(ordering: .relaxed)
    // Bound: one of the workers that compete goes on in each round.
    while true {
      let (exchanged, original) = byteTime.weakCompareExchange(
        expected: expected, desired: max(expected, now) &+ cost, ordering: .relaxed)
      if exchanged { return }
      expected = original
    }
  }

  /// Takes a charge back with what the meter takes back.
  func takeBack(_ deltas: borrowing Deltas, _ terms: TenantTerms) {
    let bytes = deltas[.requestBytes] &+ deltas[.responseBytes]
    guard bytes > 0 else { return }
    chargedBytes.wrappingSubtract(bytes, ordering: .relaxed)
    guard terms.bytesPerSecond > 0 else { return }
    // It was added before, so the time stays above what it was.
    byteTime.wrappingSubtract(
      TenantTerms.nanoseconds(of: bytes, at: terms.bytesPerSecond), ordering: .relaxed)
  }

  /// How long bytes of this tenant must rest, in nanoseconds; 0 when they may move.
  @inline(__always)
  func byteDelay(_ terms: TenantTerms, at now: UInt64) -> UInt64 {
    guard terms.bytesPerSecond > 0 else { return 0 }
    let next = byteTime.load(ordering: .relaxed)
    let allowed = now &+ terms.byteTolerance
    return next > allowed ? next - allowed : 0
  }

  // MARK: Open requests and streams

  /// Takes one of the places for open requests; false when there is none. Never more than the limit are held.
  func takePlace(_ terms: TenantTerms) -> Bool {
    let now = concurrent.wrappingAdd(1, ordering: .relaxed).newValue
    if now <= terms.concurrentMax { return true }
    concurrent.wrappingSubtract(1, ordering: .relaxed)
    return false
  }

  func leavePlace() { concurrent.wrappingSubtract(1, ordering: .relaxed) }

  /// Takes one of the places for open streams; false when there is none.
  func takeStream(_ terms: TenantTerms) -> Bool {
    let now = streams.wrappingAdd(1, ordering: .relaxed).newValue
    if now <= terms.streamsMax { return true }
    streams.wrappingSubtract(1, ordering: .relaxed)
    return false
  }

  func leaveStream() { streams.wrappingSubtract(1, ordering: .relaxed) }

  /// Whether this tenant's limit has not been reported for a minute; true for one caller only.
  func mayReport(at now: UInt64) -> Bool {
    let second = now / 1_000_000_000 + 1
    let last = reported.load(ordering: .relaxed)
    guard last == 0 || second >= last + 60 else { return false }
    return reported.compareExchange(expected: last, desired: second, ordering: .relaxed).exchanged
  }

  // MARK: Sharing cells among tenants

  /// Holds the cell for an exchange; false while it is being given to another tenant.
  ///
  /// Acquiring: who then finds the tenant's key unchanged knows that it cannot change until `leave`.
  func enter() -> Bool {
    let now = users.wrappingAdd(1, ordering: .acquiringAndReleasing).newValue
    if now < Self.claim { return true }
    users.wrappingSubtract(1, ordering: .relaxed)
    return false
  }

  func leave() { users.wrappingSubtract(1, ordering: .releasing) }

  /// Whether nobody holds the cell and it has forgotten everything that a limit looks at.
  func isIdle(at now: UInt64) -> Bool {
    users.load(ordering: .relaxed) == 0 && requestTime.load(ordering: .relaxed) <= now
      && byteTime.load(ordering: .relaxed) <= now
  }

  /// Claims an idle cell, so that it can be given to another tenant; false when it is in use.
  func claim(at now: UInt64) -> Bool {
    guard isIdle(at: now),
      users.compareExchange(
        expected: 0, desired: Self.claim, ordering: .acquiringAndReleasing
      ).exchanged
    else { return false }
    // Between the two looks somebody may have used it and left again.
    let isStillIdle =
      requestTime.load(ordering: .relaxed) <= now && byteTime.load(ordering: .relaxed) <= now
    if !isStillIdle { endClaim(holding: false) }
    return isStillIdle
  }

  /// Ends a claim; the caller then holds the cell as its new tenant's, or lets go of it.
  func endClaim(holding: Bool) {
    if holding {
      chargedRequests.store(0, ordering: .relaxed)
      chargedBytes.store(0, ordering: .relaxed)
      reported.store(0, ordering: .relaxed)
    }
    users.wrappingSubtract(Self.claim - (holding ? 1 : 0), ordering: .releasing)
  }
}
