/// Tells when most of a worker's connections have gone, so that the memory that they needed can go too.
///
/// Asked at each sweep. A value; owned by one worker.
struct Ebb {
  private var peak = 0
  private var least = Ebb.connectionsMin

  /// Fewer connections than this are not worth the pause: their memory stays for the next ones.
  static let connectionsMin = 1_000
  /// When a flood has gone, the upstream connections that it left behind may follow later.
  static let remainderMin = 64

  /// Whether no more than a quarter is left of the most connections since the last time this was true.
  mutating func hasFallen(to connections: Int) -> Bool {
    precondition(connections >= 0, "a count")
    peak = max(peak, connections)
    guard peak >= least, connections <= peak / 4 else { return false }
    peak = connections
    least = connections >= Self.remainderMin ? Self.remainderMin : Self.connectionsMin
    return true
  }
}
