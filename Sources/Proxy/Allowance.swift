import Metering

/// What an exchange holds of its tenant's limits; empty, and one predictable branch, while there are none.
struct Allowance {
  /// The tenant's cell, held until the exchange has ended; nil when the tenant has no limit.
  private(set) var cell: TenantCell?
  private(set) var terms: TenantTerms?
  private var holdsPlace = false
  private var holdsStream = false

  init() {}

  /// Takes over a held cell.
  mutating func begin(_ found: TenantLimitTable.Found) {
    precondition(cell == nil, "one allowance an exchange")
    cell = found.cell
    terms = found.terms
  }

  /// Charges what is recorded in the meter in the same breath: the limits see what is billed.
  @inline(__always)
  func charge(_ deltas: borrowing Deltas, at now: UInt64) {
    if let cell, let terms { cell.charge(deltas, terms, at: now) }
  }

  /// Takes back what the meter takes back.
  @inline(__always)
  func takeBack(_ deltas: borrowing Deltas) {
    if let cell, let terms { cell.takeBack(deltas, terms) }
  }

  /// Takes a place among the tenant's open requests.
  mutating func takePlace() -> Bool {
    guard let cell, let terms else { return true }
    holdsPlace = cell.takePlace(terms)
    return holdsPlace
  }

  /// Takes a place among the tenant's open streams; true also when it is held already.
  mutating func takeStream() -> Bool {
    guard let cell, let terms, !holdsStream else { return true }
    holdsStream = cell.takeStream(terms)
    return holdsStream
  }

  /// Lets go of both places: the request is refused.
  mutating func leavePlaces() {
    leaveStream()
    if holdsPlace { cell?.leavePlace() }
    holdsPlace = false
  }

  /// Lets go of the stream's place: the response is no stream.
  mutating func leaveStream() {
    if holdsStream { cell?.leaveStream() }
    holdsStream = false
  }

  /// Lets go of everything, at the exchange's end.
  @inline(__always)
  mutating func end() {
    if cell != nil { letGo() }
  }

  @inline(never)
  private mutating func letGo() {
    leavePlaces()
    cell?.leave()
    self = Allowance()
  }
}
