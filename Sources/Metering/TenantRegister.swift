import Platform
import Synchronization
import Usage

/// The tenants that are known: their rows are opened first when the cardinality limit is near.
///
/// Immutable. A newer register is linked to the older one, so that a worker moves on by following the link:
/// no lock, and the old one is freed with its last reader. Lookups happen only when a row is opened.
final class TenantRegister: Sendable {
  /// The number of ids.
  let count: Int
  /// The register that replaces this one; set once.
  let successor = AtomicLazyReference<TenantRegister>()

  private let hash: SegmentHash
  /// Ids one after another; entry n is `bytes[starts[n]..<starts[n + 1]]`.
  private let bytes: [UInt8]
  private let starts: [Int]
  /// Entry + 1, or 0; open addressing, at most half full.
  private let slots: [UInt32]

  /// A register of these ids.
  init(_ ids: Set<TenantID>, hash: SegmentHash) {
    var bytes: [UInt8] = []
    var starts = [0]
    var size = 16
    while size < ids.count * 2 { size *= 2 }
    var slots = [UInt32](repeating: 0, count: size)
    for (entry, id) in ids.enumerated() {
      let text = Array(id.text.utf8)
      bytes += text
      starts.append(bytes.count)
      // Safe: any bit pattern of UInt8 is a valid byte.
      let hashed = unsafe hash.callAsFunction(text.span.bytes)
      var position = Int(truncatingIfNeeded: hashed) & (size - 1)
      // Bound: half of the slots are free.
      while slots[position] != 0 { position = (position + 1) & (size - 1) }
      slots[position] = UInt32(entry + 1)
    }
    count = ids.count
    self.hash = hash
    self.bytes = bytes
    self.starts = starts
    self.slots = slots
  }

  /// Whether an id is registered; `hashed` is its hash.
  func contains(_ id: RawSpan, hashed: UInt64) -> Bool {
    var position = Int(truncatingIfNeeded: hashed) & (slots.count - 1)
    // Bound: half of the slots are free.
    while slots[position] != 0 {
      let entry = Int(slots[position]) - 1
      if equals(id, entry) { return true }
      position = (position + 1) & (slots.count - 1)
    }
    return false
  }

  private func equals(_ id: RawSpan, _ entry: Int) -> Bool {
    let start = starts[entry]
    guard starts[entry + 1] - start == id.byteCount else { return false }
    for offset in 0..<id.byteCount {
      if id[offset] != bytes[start + offset] { return false }
    }
    return true
  }
}
