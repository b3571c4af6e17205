import PlainHTTP

/// Asks again and again until the answer is not nil; throws with `what` when the limit is reached.
///
/// Bound: `withinMilliseconds`, asked every 5 ms. For conditions in other processes, which cannot call back.
public func awaitValue<Value>(
  _ what: String, withinMilliseconds limit: UInt64 = 15_000, _ ask: () throws -> Value?
) throws -> Value {
  let deadline = Clocks.monotonicMilliseconds() + limit
  while true {
    if let value = try ask() { return value }
    guard Clocks.monotonicMilliseconds() < deadline else {
      throw TestSupportError.timedOut("\(what), after \(limit) ms")
    }
    Clocks.pause(milliseconds: 5)
  }
}

/// Asks again and again until the condition holds.
public func awaitCondition(
  _ what: String, withinMilliseconds limit: UInt64 = 15_000, _ holds: () throws -> Bool
) throws {
  _ = try awaitValue(what, withinMilliseconds: limit) { try holds() ? true : nil }
}
