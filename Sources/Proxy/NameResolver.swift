import Platform
import Synchronization

/// Resolves the names among upstreams' addresses on a thread of its own, again when their time to live is over,
/// and puts the addresses on the boards. One name at a time; an answer that was good is kept when a later
/// question fails.
final class NameResolver: Sendable {
  /// A name of a board's list.
  fileprivate final class Entry {
    let board: UpstreamBoard
    /// Its position in the configured list.
    let position: Int
    let name: String
    let port: UInt16
    let weight: Int
    var seats: [UpstreamSeat] = []
    var due: UInt64 = 0
    var isFailing = false

    init(_ board: UpstreamBoard, _ position: Int, _ name: String, _ port: UInt16, _ weight: Int) {
      self.board = board
      self.position = position
      self.name = name
      self.port = port
      self.weight = weight
    }
  }

  private let configuration: ResolverConfiguration
  private let lookup: NameLookup
  private let clock: Clock
  private let report: @Sendable (UpstreamEvent) -> Void
  private let changed: @Sendable () -> Void
  private let control: WorkerControl
  private let boards: Mutex<[UpstreamBoard]>
  private let thread = Mutex<OSThread?>(nil)

  /// `changed` is called after a board has a new list.
  init(
    _ configuration: ResolverConfiguration, syscalls: Syscalls, clock: Clock,
    report: @escaping @Sendable (UpstreamEvent) -> Void, changed: @escaping @Sendable () -> Void
  ) throws(SystemError) {
    self.configuration = configuration
    self.clock = clock
    self.report = report
    self.changed = changed
    lookup = NameLookup(
      servers: configuration.servers, timeoutMilliseconds: configuration.timeoutMilliseconds,
      tries: configuration.tries)
    boards = Mutex([])
    control = try WorkerControl(syscalls: syscalls)
  }

  /// Resolves the names of these boards from now on, and of no others.
  func watch(_ list: [UpstreamBoard]) {
    boards.withLock { $0 = list }
    control.wakeup.signal()
  }

  /// Starts the thread.
  func start() throws(SystemError) {
    let started = try OSThread(name: "weir-resolver") { [self] in run() }
    thread.withLock { $0 = started }
  }

  /// Stops and waits for the thread; a question on its way is given up.
  func stop() {
    control.requestStop()
    let running = thread.withLock { thread in
      let running = thread
      thread = nil
      return running
    }
    running?.join()
  }

  private func run() {
    var entries: [Entry] = []
    while !control.isStopRequested {
      entries = self.entries(keeping: entries)
      for entry in entries where clock.monotonicNanoseconds() >= entry.due {
        let outcome = lookup.addresses(of: entry.name, stop: control.wakeup)
        // A signal ends a question early: that is no answer, and it is asked again.
        if control.isStopRequested || control.wakeup.wait(timeoutMilliseconds: 0) { break }
        take(outcome, entry, entries)
      }
      guard !control.isStopRequested else { return }
      let now = clock.monotonicNanoseconds()
      let next = entries.map(\.due).min() ?? .max
      let wait: Int32 =
        next == .max ? -1 : next <= now ? 0 : Int32(clamping: (next - now) / 1_000_000 + 1)
      if wait != 0 && control.wakeup.wait(timeoutMilliseconds: wait) { continue }
    }
  }

  /// The names of the boards now, with what is known of those that were there before.
  private func entries(keeping old: [Entry]) -> [Entry] {
    boards.withLock { $0 }.flatMap { board in
      board.configuration.addresses.enumerated().compactMap { position, address in
        guard case .name(let name, let port) = address.place else { return nil }
        return old.first { $0.board === board && $0.position == position }
          ?? Entry(board, position, name, port, address.weight)
      }
    }
  }

  private func take(_ outcome: NameLookup.Outcome, _ entry: Entry, _ all: [Entry]) {
    let now = clock.monotonicNanoseconds()
    switch outcome {
    case .failed(let reason):
      entry.due = now + UInt64(configuration.keepMinMilliseconds) * 1_000_000
      entry.board.countResolution(isGood: false)
      // Said once, until it is good again.
      guard !entry.isFailing else { return }
      entry.isFailing = true
      report(.resolutionFailed(upstream: entry.board.name, name: entry.name, reason: reason))
    case .found(let addresses, let seconds):
      let most = configuration.keepMaxMilliseconds
      let kept = max(configuration.keepMinMilliseconds, min(most, min(seconds, 86_400) * 1_000))
      entry.due = now + UInt64(kept) * 1_000_000
      entry.board.countResolution(isGood: true)
      entry.isFailing = false
      let endpoints = Set(
        addresses.compactMap { SocketAddress(bytes: $0, port: entry.port) }.map(Endpoint.internet))
      guard endpoints != Set(entry.seats.map(\.endpoint)) else { return }
      publish(endpoints.sorted { $0.description < $1.description }, entry, all)
    }
  }

  /// Puts a board's list up with new addresses of one name; addresses that stay keep their verdicts.
  private func publish(_ endpoints: [Endpoint], _ entry: Entry, _ all: [Entry]) {
    let board = entry.board
    entry.seats = endpoints.map { endpoint in
      entry.seats.first { $0.endpoint == endpoint }
        ?? UpstreamSeat(endpoint: endpoint, weight: entry.weight, health: AddressHealth())
    }
    var list: [UpstreamSeat] = []
    var fixed = board.fixedSeats[...]
    for (position, address) in board.configuration.addresses.enumerated() {
      if case .endpoint = address.place {
        if let seat = fixed.popFirst() { list.append(seat) }
      } else if let other = all.first(where: { $0.board === board && $0.position == position }) {
        list += other.seats
      }
    }
    // Bound: as many as a list may name.
    board.replaceSeats(Array(list.prefix(UpstreamConfiguration.addressesMax)))
    changed()
    report(.resolved(upstream: board.name, name: entry.name, addresses: endpoints))
  }
}
