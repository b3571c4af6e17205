/// Objects by slot, with a generation that changes whenever a slot is used again.
struct Slab<Element: AnyObject> {
  private var elements: [Element?] = []
  private var generations: [UInt32] = []
  private var free: [Int] = []
  /// How many there are.
  private(set) var count = 0

  /// A slot and its generation for a new element; `put` must follow.
  mutating func reserve() -> (slot: Int, generation: UInt32) {
    count += 1
    if let slot = free.popLast() { return (slot, generations[slot]) }
    elements.append(nil)
    generations.append(0)
    return (elements.count - 1, 0)
  }

  /// Fills a reserved slot.
  mutating func put(_ element: Element, at slot: Int) { elements[slot] = element }

  /// The element, unless the slot has been used again since.
  @inline(__always)
  func element(at slot: Int, generation: UInt32) -> Element? {
    guard slot < elements.count, generations[slot] == generation else { return nil }
    return elements[slot]
  }

  /// Empties a slot.
  mutating func remove(at slot: Int) {
    precondition(elements[slot] != nil, "removed twice")
    elements[slot] = nil
    // Only 24 bits travel in an event's word; a slot would need 16 million reuses in one turn to fool it.
    generations[slot] = (generations[slot] &+ 1) & 0xFF_FFFF
    count -= 1
    free.append(slot)
  }

  /// Gives back a reserved slot that was never filled.
  mutating func abandon(_ slot: Int) {
    count -= 1
    free.append(slot)
  }

  /// How many slots there are, used or not: for walks that may remove elements.
  var slotCount: Int { elements.count }

  /// The element in a slot, whatever its generation.
  subscript(slot: Int) -> Element? { elements[slot] }
}
