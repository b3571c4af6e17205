import Platform

/// One address of an upstream as one worker sees it: its connections, its outstanding requests, its failures.
///
/// Owned by the worker; the verdict of active checks is the only part that others write.
final class UpstreamMember {
  let endpoint: Endpoint
  /// Share of the requests relative to the others, 1 to 1,000.
  let weight: Int
  /// Its number in the pool, never used for another address; its bit in `Exchange.triedMembers`.
  let id: Int
  /// The same in every process for the same address.
  let hash: UInt64
  /// What active checks say.
  let health: AddressHealth
  /// Exchanges of this worker that use it now.
  var outstanding = 0
  /// Idle connections, the newest last.
  private(set) var idle: [UpstreamConnection] = []
  /// HTTP/2 connections, those being made included.
  private(set) var carriers: [UpstreamConnection] = []
  var ejection = EjectionState()
  /// Whether it could be used at the last look.
  var wasUsable = true
  /// Since when it is back, while its share still grows.
  var rampStart: UInt64?
  /// What lets the next connection resume a TLS session.
  var resumption: TLSResumption?
  /// Whether it is no longer among the pool's addresses: its connections are not kept.
  var isRetired = false

  init(_ seat: UpstreamSeat, id: Int) {
    endpoint = seat.endpoint
    weight = seat.weight
    health = seat.health
    self.id = id
    hash = StableHash.of(seat.endpoint.description)
  }

  /// Its bit among the members that an exchange has tried. Two of more than 64 may share one; then the second
  /// counts as tried, too.
  var bit: UInt64 { 1 << UInt64(id & 63) }

  /// Takes the newest idle connection.
  @inline(__always)
  func takeIdle() -> UpstreamConnection? { idle.popLast() }

  /// Takes the oldest idle connection.
  func takeOldestIdle() -> UpstreamConnection? { idle.isEmpty ? nil : idle.removeFirst() }

  /// Keeps a connection for its next use; false when there are `max` already.
  func keep(_ connection: UpstreamConnection, max: Int) -> Bool {
    // Bound: max for each address.
    guard !isRetired, idle.count < max else { return false }
    idle.append(connection)
    return true
  }

  /// Adds an HTTP/2 connection.
  func add(_ carrier: UpstreamConnection) { carriers.append(carrier) }

  /// An HTTP/2 connection that takes a further request: the first, so that those behind it fall idle and end. One that
  /// `isNew` is still being made.
  func carrier(at now: UInt64, isNew: Bool = false) -> UpstreamConnection? {
    carriers.first { (!isNew || !$0.isConnected) && $0.http2?.hasRoom(at: now) ?? false }
  }

  /// An HTTP/2 connection that no exchange uses.
  var idleCarrier: UpstreamConnection? { carriers.first { $0.http2?.isIdle ?? true } }

  /// Takes a connection out of those that are kept.
  func forget(_ connection: UpstreamConnection) {
    idle.removeAll { $0 === connection }
    carriers.removeAll { $0 === connection }
  }
}

/// A hash that is the same in every process and release: FNV-1a with a finalizer, for choosing addresses only.
enum StableHash {
  /// The hash of text.
  static func of(_ text: String) -> UInt64 {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    return mix(hash)
  }

  /// The hash of bytes; never 0, which stands for no key.
  static func of(_ bytes: RawSpan) -> UInt64 {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for offset in 0..<bytes.byteCount {
      hash = (hash ^ UInt64(bytes[offset])) &* 0x100_0000_01B3
    }
    return mix(hash) | 1
  }

  /// Spreads every bit over all (the finalizer of SplitMix64; Steele, Lea and Flood, 2014).
  @inline(__always)
  static func mix(_ value: UInt64) -> UInt64 {
    var word = value
    word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
    word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
    return word ^ (word >> 31)
  }
}
