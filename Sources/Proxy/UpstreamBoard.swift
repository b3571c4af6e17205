import Platform
import Synchronization

/// What all workers and the watching threads share about one upstream: its addresses and the verdicts on them.
///
/// Written by the threads that check and resolve, never by workers. Workers read the verdicts through atomics
/// when they choose an address, and take a new list of addresses when they are woken for it.
public final class UpstreamBoard: Sendable {
  /// What it was built from.
  let configuration: UpstreamConfiguration
  /// The addresses that need no resolving, in the order of the configuration.
  let fixedSeats: [UpstreamSeat]
  private let seats: Mutex<[UpstreamSeat]>
  private let context: Mutex<TLSClientContext?>
  private let verdicts = Atomic<UInt64>(0)
  private let lists = Atomic<UInt64>(0)
  private let goodChecks = Atomic<UInt64>(0)
  private let failedChecks = Atomic<UInt64>(0)
  private let turnsUp = Atomic<UInt64>(0)
  private let turnsDown = Atomic<UInt64>(0)
  private let goodResolutions = Atomic<UInt64>(0)
  private let failedResolutions = Atomic<UInt64>(0)

  /// A board with the addresses that need no resolving, all of them well until a check says otherwise.
  init(_ configuration: UpstreamConfiguration, tls: TLSClientContext? = nil) {
    self.configuration = configuration
    context = Mutex(tls)
    fixedSeats = configuration.addresses.compactMap { address in
      guard case .endpoint(let endpoint) = address.place else { return nil }
      return UpstreamSeat(endpoint: endpoint, weight: address.weight, health: AddressHealth())
    }
    seats = Mutex(fixedSeats)
  }

  /// The certificates and authorities of new connections; nil without TLS.
  var tls: TLSClientContext? { context.withLock { $0 } }

  /// Has new connections use what a reload has read.
  func replaceTLS(_ new: TLSClientContext?) { context.withLock { $0 = new } }

  /// Whether some of its addresses are names.
  var hasNames: Bool { fixedSeats.count < configuration.addresses.count }

  /// The addresses now.
  var currentSeats: [UpstreamSeat] { seats.withLock { $0 } }

  /// Rises with every change of the list.
  var listGeneration: UInt64 { lists.load(ordering: .acquiring) }

  /// Rises with every change of a verdict. Acquired: the verdict is read after it.
  @inline(__always)
  var verdictGeneration: UInt64 { verdicts.load(ordering: .acquiring) }

  /// Puts a new list up; the workers have to be woken after that.
  func replaceSeats(_ list: [UpstreamSeat]) {
    seats.withLock { $0 = list }
    lists.wrappingAdd(1, ordering: .releasing)
  }

  /// Sets the verdict on an address.
  func set(_ health: AddressHealth, isUp: Bool) {
    health.set(isUp: isUp)
    // Released after the verdict: a worker that sees the new generation sees the verdict, too.
    verdicts.wrappingAdd(1, ordering: .releasing)
  }

  /// Addresses, and those of them that active checks find well.
  public var addressCounts: (all: Int, healthy: Int) {
    let list = currentSeats
    return (list.count, list.count { $0.health.isUp })
  }

  /// Counts a check. Only the thread that checks calls it.
  func countCheck(isGood: Bool) {
    if isGood { goodChecks.wrappingAdd(1, ordering: .relaxed) }
    if !isGood { failedChecks.wrappingAdd(1, ordering: .relaxed) }
  }

  /// Counts a verdict that turned.
  func countTransition(isUp: Bool) {
    if isUp { turnsUp.wrappingAdd(1, ordering: .relaxed) }
    if !isUp { turnsDown.wrappingAdd(1, ordering: .relaxed) }
  }

  /// Checks so far, and verdicts that turned.
  public var checkCounts: (good: UInt64, failed: UInt64, turnsUp: UInt64, turnsDown: UInt64) {
    (
      goodChecks.load(ordering: .relaxed), failedChecks.load(ordering: .relaxed),
      turnsUp.load(ordering: .relaxed), turnsDown.load(ordering: .relaxed)
    )
  }

  /// Counts a resolution of one of its names.
  func countResolution(isGood: Bool) {
    if isGood { goodResolutions.wrappingAdd(1, ordering: .relaxed) }
    if !isGood { failedResolutions.wrappingAdd(1, ordering: .relaxed) }
  }

  /// Resolutions of its names so far.
  public var resolutionCounts: (good: UInt64, failed: UInt64) {
    (goodResolutions.load(ordering: .relaxed), failedResolutions.load(ordering: .relaxed))
  }

  /// The upstream's name.
  public var name: String { configuration.name }
}

/// One address of an upstream, shared by all workers.
struct UpstreamSeat: Sendable {
  let endpoint: Endpoint
  let weight: Int
  let health: AddressHealth
}

/// What active checks say about one address. Well until a check says otherwise.
final class AddressHealth: Sendable {
  private let up = Atomic<Bool>(true)

  /// Whether the address is well. Relaxed: the board's generation orders it.
  var isUp: Bool { up.load(ordering: .relaxed) }

  fileprivate func set(isUp: Bool) { up.store(isUp, ordering: .relaxed) }
}
