/// A generator of random numbers for ids: xoshiro256++ (Blackman and Vigna, 2019), seeded once by the kernel.
///
/// No system call a number. Its 256 bits of state make a repetition of 128-bit ids among all proxies of a fleet
/// as unlikely as with the kernel's own numbers; it is no source of secrets. One thread only.
public struct RandomSource: RandomNumberGenerator {
  @usableFromInline var state: (UInt64, UInt64, UInt64, UInt64)

  /// A generator with a seed of the kernel's.
  public init(syscalls: Syscalls) throws(SystemError) {
    let seed = try syscalls.randomBytes(32)
    func word(_ index: Int) -> UInt64 {
      seed[index * 8..<index * 8 + 8].reduce(0) { $0 << 8 | UInt64($1) }
    }
    self.init(state: (word(0), word(1), word(2), word(3)))
  }

  /// A generator with this state, not all zero: for tests.
  public init(state: (UInt64, UInt64, UInt64, UInt64)) {
    self.state = state
    // The one state that the generator never leaves.
    if state.0 | state.1 | state.2 | state.3 == 0 { self.state.0 = 1 }
  }

  /// The next 64 bits.
  @inlinable
  public mutating func next() -> UInt64 {
    let sum = state.0 &+ state.3
    let result = (sum << 23 | sum >> 41) &+ state.0
    let shifted = state.1 << 17
    state.2 ^= state.0
    state.3 ^= state.1
    state.1 ^= state.2
    state.0 ^= state.3
    state.2 ^= shifted
    state.3 = state.3 << 45 | state.3 >> 19
    return result
  }
}
