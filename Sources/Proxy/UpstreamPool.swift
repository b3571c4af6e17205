import Platform

/// A worker's view of one upstream: its addresses, its connections to them, and the bounds on both.
///
/// Everything that the upstream's configuration says is in here, so that a changed upstream is a new pool.
/// Owned by the worker.
final class UpstreamPool {
  let board: UpstreamBoard
  /// This worker's share of the connections.
  let connectionsMax: Int
  /// Requests at one time, waiting ones included; `Int.max` for no bound.
  let requestsMax: Int
  /// Requests that may wait for a connection; 0 for none.
  let pendingMax: Int
  let pendingNanoseconds: UInt64
  /// Attempts of one request.
  let attemptsMax: Int
  /// Whether it is spoken to in HTTP/2.
  let speaksHTTP2: Bool
  /// Requests on one HTTP/2 connection at a time.
  let streamsMax: Int
  /// Silence of an HTTP/2 connection before it is asked whether it is there; 0 for never.
  let pingNanoseconds: UInt64
  /// Whether addresses are chosen by tenant.
  let hashesTenants: Bool
  private let idleMax: Int
  private let ageMaxNanoseconds: UInt64
  private let slowStartNanoseconds: UInt64
  private let ejection: EjectionState.Policy

  private(set) var members: [UpstreamMember] = []
  /// The only member, if there is just one: then there is nothing to choose.
  private var sole: UpstreamMember?
  private var balancer: Balancer
  private var seenVerdicts: UInt64 = .max
  private var seenList: UInt64
  /// When time alone may change who can be used.
  private var nextLook: UInt64 = 0
  private var nextID = 0
  private var random: UInt64
  /// Whether too few addresses are usable, so that all are used.
  private(set) var isPanicking = false

  /// Its upstream was changed or removed: nothing is kept any more.
  var isRetired = false
  /// Connections open to this upstream, idle ones included.
  var open = 0
  /// Exchanges that use one of them.
  var inUse = 0
  var waiting = WaitingRequests()
  var budget: RetryBudget

  /// A pool with this worker's share of the bounds; `worker` is the worker's position.
  init(_ board: UpstreamBoard, workers: Int, worker: Int) {
    let configuration = board.configuration
    self.board = board
    func share(_ bound: Int) -> Int { bound == 0 ? 0 : max(1, bound / workers) }
    connectionsMax = share(configuration.connectionsMax)
    requestsMax = configuration.requestsMax.map(share) ?? .max
    pendingMax = share(configuration.pendingMax)
    pendingNanoseconds = UInt64(configuration.pendingMilliseconds) * 1_000_000
    attemptsMax = configuration.retries.attemptsMax
    speaksHTTP2 = configuration.speaksHTTP2
    streamsMax = configuration.streamsMax
    pingNanoseconds = UInt64(configuration.pingMilliseconds) * 1_000_000
    hashesTenants = configuration.balancing == .hashTenant
    idleMax = configuration.idleConnectionsMax
    ageMaxNanoseconds = UInt64(configuration.connectionAgeMaxMilliseconds) * 1_000_000
    slowStartNanoseconds = UInt64(configuration.slowStartMilliseconds) * 1_000_000
    ejection = EjectionState.Policy(configuration.ejection)
    budget = RetryBudget(configuration.retries)
    random = StableHash.of(configuration.name) &+ UInt64(worker)
    balancer = Balancer(configuration.balancing, first: worker, seed: StableHash.mix(random))
    seenList = board.listGeneration
    take(board.currentSeats)
  }

  /// Whether failures of addresses are watched: with one address there is no other to prefer.
  var watchesFailures: Bool { ejection.failures > 0 && sole == nil }

  /// The address for a request, nil when none is known. `key` is the tenant's hash, 0 for none; addresses in
  /// `tried` come last.
  @inline(__always)
  func choose(key: UInt64, avoiding tried: UInt64, now: UInt64) -> UpstreamMember? {
    if let sole { return sole }
    return chooseAmongMany(key, tried, now)
  }

  private func chooseAmongMany(_ key: UInt64, _ tried: UInt64, _ now: UInt64) -> UpstreamMember? {
    if now >= nextLook || board.verdictGeneration != seenVerdicts { look(at: now) }
    return balancer.choose(key: key, avoiding: tried)
  }

  // MARK: - Who can be used

  /// Looks again at who can be used, and with which weight.
  private func look(at now: UInt64) {
    seenVerdicts = board.verdictGeneration
    nextLook = .max
    var usable: [UpstreamMember] = []
    for member in members {
      let isEjected = member.ejection.isEjected(at: now)
      if isEjected { nextLook = min(nextLook, member.ejection.until) }
      let isUsable = member.health.isUp && !isEjected
      if isUsable {
        usable.append(member)
        if !member.wasUsable && slowStartNanoseconds > 0 { member.rampStart = now }
      } else {
        member.rampStart = nil
      }
      member.wasUsable = isUsable
    }
    // Rather all of them than so few that they break under the load of all.
    isPanicking =
      usable.isEmpty || usable.count * 100 < members.count * board.configuration.panicPercent
    let chosen = isPanicking ? members : usable
    balancer.update(chosen, weights: chosen.map { effectiveWeight($0, now) })
  }

  /// A member's weight, less while it is back for a short time only.
  private func effectiveWeight(_ member: UpstreamMember, _ now: UInt64) -> Int {
    let full = member.weight * Balancer.weightScale
    guard let start = member.rampStart else { return full }
    let elapsed = now - start
    guard elapsed < slowStartNanoseconds else {
      member.rampStart = nil
      return full
    }
    // In 32 steps; a sixteenth from the start, as a member without requests would never show that it is well.
    nextLook = min(nextLook, now + max(1, slowStartNanoseconds / 32))
    let share = Double(elapsed) / Double(slowStartNanoseconds)
    return max(1, full / 16, Int(Double(full) * share))
  }

  /// Takes a new list of addresses over, if there is one; returns the idle connections of those that are gone.
  func takeNewList() -> [UpstreamConnection] {
    let generation = board.listGeneration
    guard generation != seenList else { return [] }
    seenList = generation
    return take(board.currentSeats)
  }

  @discardableResult
  private func take(_ seats: [UpstreamSeat]) -> [UpstreamConnection] {
    var old = members
    members = seats.map { seat in
      if let index = old.firstIndex(where: { $0.health === seat.health }) {
        return old.remove(at: index)
      }
      nextID += 1
      return UpstreamMember(seat, id: nextID - 1)
    }
    sole = members.count == 1 ? members[0] : nil
    isPanicking = false
    nextLook = 0
    var left: [UpstreamConnection] = []
    for member in old {
      while let connection = member.takeIdle() { left.append(connection) }
      while let carrier = member.idleCarrier {
        member.forget(carrier)
        left.append(carrier)
      }
      member.isRetired = true
    }
    return left
  }

  // MARK: - Failures

  /// What became of a failure.
  enum Consequence {
    case none, ejected
    /// As many addresses are left alone already as may be.
    case withheld
  }

  /// An attempt at a member failed, or its response broke off.
  func failed(_ member: UpstreamMember, isCutOff: Bool, now: UInt64) -> Consequence {
    guard watchesFailures, !member.isRetired, !member.ejection.isEjected(at: now) else {
      return .none
    }
    let isTooMuch =
      isCutOff ? member.ejection.cutOff(ejection) : member.ejection.failed(ejection)
    guard isTooMuch else { return .none }
    let share = members.count * board.configuration.ejection.shareMaxPercent / 100
    let allowed =
      board.configuration.ejection.shareMaxPercent == 0 ? 0 : min(max(1, share), members.count - 1)
    guard members.count(where: { $0.ejection.isEjected(at: now) }) < allowed else {
      return .withheld
    }
    member.ejection.eject(at: now, ejection)
    nextLook = 0
    return .ejected
  }

  /// Whether an answer with this status says that the address is not well.
  func isFailure(status: Int) -> Bool {
    let configuration = board.configuration.ejection
    switch status {
    case 502, 503, 504: return configuration.countsGatewayStatuses
    case 500...: return configuration.countsServerErrors
    default: return false
    }
  }

  // MARK: - Connections

  /// Keeps a connection for its next use; false when there are enough.
  func keep(_ connection: UpstreamConnection) -> Bool {
    !isRetired && connection.member.keep(connection, max: idleMax)
  }

  /// Whether a request could have a connection now.
  func hasRoom(at now: UInt64) -> Bool {
    open < connectionsMax
      || members.contains { !$0.idle.isEmpty || $0.idleCarrier != nil } || carrier(at: now) != nil
  }

  /// An HTTP/2 connection of any address that takes a further request.
  func carrier(at now: UInt64) -> UpstreamConnection? {
    for member in members {
      if let carrier = member.carrier(at: now) { return carrier }
    }
    return nil
  }

  /// Takes an HTTP/2 connection that no exchange uses, to make room under the bound.
  func takeIdleCarrier() -> UpstreamConnection? {
    for member in members {
      guard let carrier = member.idleCarrier else { continue }
      member.forget(carrier)
      return carrier
    }
    return nil
  }

  /// The oldest idle connection of any address, to make room under the bound.
  func takeOldestIdle() -> UpstreamConnection? {
    for member in members {
      if let connection = member.takeOldestIdle() { return connection }
    }
    return nil
  }

  /// Idle connections now.
  var idleCount: Int {
    members.reduce(0) { sum, member in
      sum + member.idle.count + member.carriers.count { $0.http2?.isIdle ?? false }
    }
  }

  /// When a connection that is made now is used no more.
  func expiry(at now: UInt64) -> UInt64 {
    guard ageMaxNanoseconds > 0 else { return .max }
    random &+= 0x9E37_79B9_7F4A_7C15
    let tenth = StableHash.mix(random).multipliedFullWidth(by: ageMaxNanoseconds / 10 + 1).high
    return now + ageMaxNanoseconds - tenth
  }
}
