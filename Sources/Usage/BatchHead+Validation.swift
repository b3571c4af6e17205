extension BatchHead {
  /// The most listeners a batch names.
  static let listenersMax = 4096
  /// The most workers a predecessor had.
  static let workersMax = 1 << 16
  /// The longest name of a listener or unit, in bytes.
  static let labelBytesMax = 64

  /// Throws when the head breaks a rule of the format.
  func validate() throws(BatchError) {
    func require(_ holds: Bool, _ reason: @autoclosure () -> String) throws(BatchError) {
      if !holds { throw .invalid(row: nil, reason: reason()) }
    }
    try require(
      lastSequence >= name.sequence && lastSequence <= BatchCodec.counterMax,
      "last sequence \(lastSequence) does not follow the first, \(name.sequence)")
    try require(
      flags.contains(.merged) || lastSequence == name.sequence,
      "a batch that is not merged stands for one sequence")
    try require(
      flags.rawValue >> 5 == 0, "unknown flags 0x\(String(flags.rawValue, radix: 16))")
    try require(
      Self.isPlausible(interval.startMicroseconds) && Self.isPlausible(interval.endMicroseconds),
      "interval from \(interval.startMicroseconds) to \(interval.endMicroseconds) is no time")
    try require(
      interval.lengthNanoseconds <= BatchCodec.counterMax, "interval is longer than time")
    try require(
      (predecessor?.lastSequences.count ?? 0) <= Self.workersMax, "predecessor of too many workers")
    try require(units.count <= 4, "\(units.count) units, at most 4 can be declared")
    for unit in units {
      try require(
        Self.isLabel(unit.name) && Self.isLabel(unit.unit),
        "unit is not 1 to \(Self.labelBytesMax) printable ASCII characters without space")
    }
    try require(Set(units.map(\.name)).count == units.count, "a unit is declared twice")
    try require(listeners.count <= Self.listenersMax, "\(listeners.count) listeners")
    try require(
      Set(listeners.map(\.listener)).count == listeners.count, "a listener is named twice")
    for listener in listeners { try listener.validate() }
  }

  /// Whether a wall clock may say this: within 250,000 years of 1970, so that differences fit.
  private static func isPlausible(_ microseconds: Int64) -> Bool {
    microseconds.magnitude <= UInt64(Int64.max) / 2
  }

  /// Whether this is 1 to 64 bytes of printable ASCII without space.
  static func isLabel(_ text: String) -> Bool {
    (1...labelBytesMax).contains(text.utf8.count)
      && text.utf8.allSatisfy { (0x21...0x7E).contains($0) }
  }
}

extension ListenerTotals {
  fileprivate func validate() throws(BatchError) {
    guard BatchHead.isLabel(listener) else {
      throw .invalid(
        row: nil, reason: "listener name is not 1 to 64 printable ASCII characters without space")
    }
    let counters = quantities + connectionQuantities + [openStart, openEnd, observations]
    guard counters.allSatisfy({ $0 <= BatchCodec.counterMax }) else {
      throw .invalid(row: nil, reason: "listener \(listener): a counter is above 2^63 - 1")
    }
  }
}
