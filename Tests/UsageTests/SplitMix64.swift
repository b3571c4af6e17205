import Glibc

/// A small random generator with a seed that can be printed and given again.
struct SplitMix64: RandomNumberGenerator {
  let seed: UInt64
  private var state: UInt64

  init(seed: UInt64) {
    self.seed = seed
    state = seed
  }

  /// Seeded by the environment's `WEIR_SEED`, or by chance.
  static func fromEnvironment() -> SplitMix64 {
    // Safe: getenv's string is copied before anything else runs.
    let text = unsafe getenv("WEIR_SEED").map { unsafe String(cString: $0) }
    return SplitMix64(seed: text.flatMap(UInt64.init) ?? UInt64.random(in: 0...(.max)))
  }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  mutating func below(_ limit: Int) -> Int { Int(next() % UInt64(limit)) }
  mutating func chance(_ oneIn: Int) -> Bool { below(oneIn) == 0 }
}
