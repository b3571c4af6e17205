/// When the process sheds load: shares of its memory and of its descriptors, in per cent.
///
/// The larger of the two shares counts. A level is entered at its share and left `leavePercent` below it, so that it does
/// not flicker.
public struct OverloadConfiguration: Sendable, Equatable {
  /// Resident bytes that are 100 %. Default 0: the limit of the control group, and none without one.
  public var memoryBytesMax = 0
  /// From here on connections end with their answer, and kept idle ones are closed. Default 85.
  public var closePercent = 85
  /// From here on requests of low priority are refused. Default 92.
  public var shedPercent = 92
  /// From here on no connection is accepted, and only requests of high priority are served. Default 97.
  public var stopPercent = 97
  /// How far below its share a level is left. Default 5.
  public var leavePercent = 5

  /// The defaults.
  public init() {}

  /// Every fault with its place.
  func validate() -> [String] {
    var faults: [String] = []
    if memoryBytesMax != 0 && !(16_777_216...(1 << 50)).contains(memoryBytesMax) {
      faults.append("overload.memory_bytes_max: must be 0, or from 16777216 to 2^50")
    }
    if !(1...leavePercentMax).contains(leavePercent) {
      faults.append("overload.leave_percent: must be 1 to \(leavePercentMax)")
    }
    if !(closePercent < shedPercent && shedPercent < stopPercent && stopPercent <= 100)
      || closePercent < 10
    {
      faults.append(
        "overload: 10 <= close_percent < shed_percent < stop_percent <= 100 must hold")
    }
    return faults
  }

  private var leavePercentMax: Int { 9 }
}

/// How much the process has to do without.
enum OverloadLevel: Int, Sendable, CaseIterable {
  /// Nothing.
  case none
  /// Connections end with their answer.
  case closing
  /// Requests of low priority are refused too.
  case shedding
  /// No connection is accepted, requests of normal priority are refused too.
  case stopped

  /// The level after a look: up at once, down one step at a look.
  func next(percent: Int, _ configuration: OverloadConfiguration) -> OverloadLevel {
    let entered: OverloadLevel =
      if percent >= configuration.stopPercent {
        .stopped
      } else if percent >= configuration.shedPercent {
        .shedding
      } else if percent >= configuration.closePercent {
        .closing
      } else {
        .none
      }
    if entered.rawValue >= rawValue { return entered }
    guard percent < share(configuration) - configuration.leavePercent else { return self }
    return OverloadLevel(rawValue: rawValue - 1) ?? .none
  }

  /// The share at which this level is entered.
  private func share(_ configuration: OverloadConfiguration) -> Int {
    switch self {
    case .none: 0
    case .closing: configuration.closePercent
    case .shedding: configuration.shedPercent
    case .stopped: configuration.stopPercent
    }
  }
}
