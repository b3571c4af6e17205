import Glibc

/// The seed of a property test: `WEIR_SEED` from the environment, or a new one for each run.
///
/// Put it into the `Comment` of every expectation: it prints as `WEIR_SEED=…`, ready to be repeated.
public struct TestSeed: Sendable, CustomStringConvertible {
  /// The number itself.
  public let value: UInt64

  /// Reads the environment; without a readable value, draws one.
  public init() {
    // Safe: getenv returns nil or a C string that is copied before anything changes the environment.
    if let text = unsafe getenv("WEIR_SEED"), let seed = unsafe UInt64(String(cString: text)) {
      value = seed
    } else {
      value = UInt64.random(in: 0...UInt64.max)
    }
  }

  /// A seed given by the test, for a case that must be repeated for ever.
  public init(_ value: UInt64) { self.value = value }

  /// A fresh generator at the start of this seed's sequence.
  public var generator: SplitMix64 { SplitMix64(seed: value) }

  /// The n-th of many independent sequences of this seed.
  public func generator(case index: Int) -> SplitMix64 {
    var mixer = SplitMix64(seed: value ^ UInt64(truncatingIfNeeded: index))
    return SplitMix64(seed: mixer.next() &+ UInt64(truncatingIfNeeded: index))
  }

  /// `WEIR_SEED=<number>`.
  public var description: String { "WEIR_SEED=\(value)" }
}
