/// The 64-bit word that epoll keeps for a descriptor: kind (8 bits) | generation (24) | slot (32).
enum EventWord {
  /// What the descriptor is.
  enum Kind: UInt64 {
    case downstream = 0
    case upstream, listener, wakeup
  }

  static let wakeup = Kind.wakeup.rawValue << 56

  static func listener(_ position: Int) -> UInt64 {
    Kind.listener.rawValue << 56 | UInt64(position)
  }

  static func connection(_ kind: Kind, slot: Int, generation: UInt32) -> UInt64 {
    kind.rawValue << 56 | UInt64(generation & 0xFF_FFFF) << 32 | UInt64(UInt32(slot))
  }

  @inline(__always)
  static func kind(of word: UInt64) -> Kind {
    guard let kind = Kind(rawValue: word >> 56) else { preconditionFailure("no such event word") }
    return kind
  }

  @inline(__always)
  static func place(of word: UInt64) -> (slot: Int, generation: UInt32) {
    (Int(word & 0xFFFF_FFFF), UInt32((word >> 32) & 0xFF_FFFF))
  }
}
