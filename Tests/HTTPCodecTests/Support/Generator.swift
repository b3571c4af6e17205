import Foundation

/// SplitMix64: small, seeded, the same on every machine.
struct Generator: RandomNumberGenerator {
  /// What the run was seeded with, for the comment of an expectation.
  let seed: UInt64
  private var state: UInt64

  /// Seeds with `WEIR_SEED` if that is set, else at random.
  init() {
    let given = ProcessInfo.processInfo.environment["WEIR_SEED"].flatMap { UInt64($0) }
    self.init(seed: given ?? UInt64.random(in: 0...UInt64.max))
  }

  /// Seeds with a given number.
  init(seed: UInt64) {
    self.seed = seed
    state = seed
  }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }

  /// A number below `bound`.
  mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &self) }
}
