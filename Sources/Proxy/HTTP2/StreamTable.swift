/// Open streams of a connection by their number, in place of a dictionary: numbers need no hashing worth its name, and are
/// looked up for each frame.
///
/// Open addressing with linear probing over a power of two of slots, at most half of them in use; a number's slot is the number
/// without its lowest bit, which says only who opened the stream. Clients choose their numbers: at worst a lookup walks over
/// all open streams, whose number is bounded.
struct StreamTable<Stream: AnyObject> {
  private var slots: [Slot] = Array(repeating: Slot(id: 0, stream: nil), count: 16)
  private(set) var count = 0

  /// Number 0 is no stream's.
  private struct Slot {
    var id: Int32
    var stream: Stream?
  }

  private var mask: Int { slots.count &- 1 }

  private func home(_ id: Int32) -> Int { Int(truncatingIfNeeded: id >> 1) & mask }

  /// The stream of a number; nil removes.
  subscript(id: Int32) -> Stream? {
    get {
      guard count > 0 else { return nil }
      var at = home(id)
      // Bound: half of the slots are free.
      while slots[at].id != id {
        if slots[at].id == 0 { return nil }
        at = (at &+ 1) & mask
      }
      return slots[at].stream
    }
    set {
      precondition(id > 0, "streams have numbers above 0")
      guard let newValue else {
        remove(id)
        return
      }
      if 2 * (count + 1) > slots.count { grow() }
      var at = home(id)
      while slots[at].id != 0 && slots[at].id != id { at = (at &+ 1) & mask }
      if slots[at].id == 0 { count += 1 }
      slots[at] = Slot(id: id, stream: newValue)
    }
  }

  /// Every stream, in no particular order.
  var values: [Stream] {
    var values: [Stream] = []
    values.reserveCapacity(count)
    for slot in slots {
      if let stream = slot.stream { values.append(stream) }
    }
    return values
  }

  /// Forgets all.
  mutating func removeAll() { self = StreamTable() }

  private mutating func remove(_ id: Int32) {
    guard count > 0 else { return }
    var at = home(id)
    while slots[at].id != id {
      if slots[at].id == 0 { return }
      at = (at &+ 1) & mask
    }
    count -= 1
    // What follows closes up, so that no lookup stops at a hole that was in use.
    var hole = at
    var next = (at &+ 1) & mask
    while slots[next].id != 0 {
      let distance = (next &- home(slots[next].id)) & mask
      if distance >= (next &- hole) & mask {
        slots[hole] = slots[next]
        hole = next
      }
      next = (next &+ 1) & mask
    }
    slots[hole] = Slot(id: 0, stream: nil)
  }

  private mutating func grow() {
    let old = slots
    slots = Array(repeating: Slot(id: 0, stream: nil), count: old.count * 2)
    count = 0
    for slot in old {
      if let stream = slot.stream { self[slot.id] = stream }
    }
  }
}
