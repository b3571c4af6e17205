import Synchronization

/// Open connections by client address, over all workers; only those that were accepted under
/// `limits.connections_per_address_max`.
///
/// Asked once when a connection is accepted and once when it is closed, never on the request path, so a lock among
/// sixteen does. Bound: one entry for each address that has a connection.
final class AddressCounts: Sendable {
  private final class Shard: Sendable {
    let counts = Mutex<[UInt64: Int]>([:])
  }
  private let shards = (0..<16).map { _ in Shard() }

  /// What stands for an address, never 0: an IPv4 address, also one mapped into IPv6, or the first 64 bits of an IPv6
  /// address, because a host has all of those (RFC 6177).
  static func key(_ bytes: [UInt8]) -> UInt64 {
    let isMapped =
      bytes.count == 16 && bytes.prefix(10).allSatisfy { $0 == 0 } && bytes[10] == 0xFF
      && bytes[11] == 0xFF
    if bytes.count == 4 || isMapped {
      // ::1:0:0/96 is not given to anybody, so that the two kinds do not meet.
      return 1 << 32 | word(bytes.suffix(4))
    }
    // ::/64 (the loopback address) would be 0.
    return Swift.max(1, word(bytes.prefix(8)))
  }

  private static func word(_ bytes: ArraySlice<UInt8>) -> UInt64 {
    bytes.reduce(0) { $0 << 8 | UInt64($1) }
  }

  /// Counts a connection; false when its address has as many as it may, which is `max`.
  func add(_ key: UInt64, max: Int) -> Bool {
    shard(key).counts.withLock { counts in
      let count = counts[key] ?? 0
      guard count < max else { return false }
      counts[key] = count + 1
      return true
    }
  }

  /// Takes a connection off.
  func remove(_ key: UInt64) {
    shard(key).counts.withLock { counts in
      guard let count = counts[key] else { preconditionFailure("counted off once") }
      counts[key] = count > 1 ? count - 1 : nil
    }
  }

  /// Addresses that have a connection.
  var addresses: Int { shards.reduce(0) { $0 + $1.counts.withLock { $0.count } } }

  private func shard(_ key: UInt64) -> Shard {
    shards[Int(truncatingIfNeeded: (key &* 0x9E37_79B9_7F4A_7C15) >> 60)]
  }
}
