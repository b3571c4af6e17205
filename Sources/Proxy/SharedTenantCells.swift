import Synchronization

/// A bounded table of cells for tenants under the default limit: sets of eight, by a keyed hash of the id.
///
/// Never locked, never grown: a tenant that is not there takes the first free or idle cell of its set. A cell is idle
/// once nobody holds it and both of its arrival times are past; its successor then starts as if it were new. When all
/// eight are in use there is none, and the caller has a rule for that. Two tenants with the same 64 bits of the
/// keyed hash would share a cell. When two workers meet a new tenant in the same instant, its first
/// exchange may be held by a second cell.
final class SharedTenantCells: Sendable {
  private final class Bucket: Sendable {
    /// The tenant's hash in each place; 0 while it was never used.
    let keys: InlineArray<8, Atomic<UInt64>> = InlineArray { _ in Atomic(0) }
    let cells: InlineArray<8, TenantCell> = InlineArray { _ in TenantCell() }
  }

  private let buckets: [Bucket]

  /// Room for at least `count` tenants.
  init(_ count: Int) {
    var sets = 1
    while sets * 8 < count { sets *= 2 }
    buckets = (0..<sets).map { _ in Bucket() }
  }

  /// How many tenants there is room for.
  var capacity: Int { buckets.count * 8 }

  /// The held cell of a tenant, or nil when all of its set are in use. The caller must `leave` it.
  func enter(hash: UInt64, at now: UInt64) -> TenantCell? {
    let bucket = buckets[Int(truncatingIfNeeded: hash) & (buckets.count - 1)]
    let key = hash | 1 << 63
    if let cell = find(key, in: bucket, below: 8) { return cell }
    for place in 0..<8 where bucket.cells[place].claim(at: now) {
      let cell = bucket.cells[place]
      bucket.keys[place].store(key, ordering: .sequentiallyConsistent)
      // Another worker may have met the tenant in this instant: the lower place stays.
      if let twin = find(key, in: bucket, below: place) {
        bucket.keys[place].store(0, ordering: .releasing)
        cell.endClaim(holding: false)
        return twin
      }
      cell.endClaim(holding: true)
      return cell
    }
    return nil
  }

  private func find(_ key: UInt64, in bucket: Bucket, below end: Int) -> TenantCell? {
    for place in 0..<end where bucket.keys[place].load(ordering: .sequentiallyConsistent) == key {
      let cell = bucket.cells[place]
      guard cell.enter() else { continue }
      // Held now, so its key stays; it may have changed before.
      if bucket.keys[place].load(ordering: .acquiring) == key { return cell }
      cell.leave()
    }
    return nil
  }
}
