import Foundation
import Testing

/// A small generator with a printed seed: `WEIR_SEED` repeats a run.
struct SplitMix64: RandomNumberGenerator {
  let seed: UInt64
  private var state: UInt64

  static func seeded() -> SplitMix64 {
    let given = ProcessInfo.processInfo.environment["WEIR_SEED"].flatMap { UInt64($0) }
    let seed = given ?? UInt64.random(in: .min ... .max)
    return SplitMix64(seed: seed, state: seed)
  }

  var comment: Comment { "WEIR_SEED=\(seed)" }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
