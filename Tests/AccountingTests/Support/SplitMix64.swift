import Testing

#if canImport(Glibc)
  import Glibc
#endif

/// A small random generator whose whole state is one printed seed.
struct SplitMix64: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) {
    state = seed
  }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }

  mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &self) < percent }
}

/// The seed of this run: `WEIR_SEED`, or a random one that failures print.
enum Seed {
  static let value: UInt64 = {
    // Safe: getenv returns a C string that lives as long as the process.
    if let text = unsafe getenv("WEIR_SEED"), let seed = UInt64(unsafe String(cString: text)) {
      return seed
    }
    return UInt64.random(in: 0...UInt64.max)
  }()

  static var comment: Comment { "WEIR_SEED=\(value)" }
}
