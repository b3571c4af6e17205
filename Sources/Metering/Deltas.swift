public import Usage

/// What one event adds to the quantities of a row: lives in the exchange, never on the heap.
///
/// A quantity that the event does not touch costs nothing: `mask` says which values are meant, and a value
/// outside the mask is not looked at (so `clear` writes one word).
public struct Deltas: Sendable {
  /// Bit n is set when quantity n is in `values`.
  public var mask: UInt32
  /// Amounts, indexed by `Quantity.rawValue`; meaningless where `mask` has no bit.
  public var values: InlineArray<32, UInt64>

  /// Nothing to add.
  @inlinable
  public init() {
    mask = 0
    values = InlineArray(repeating: 0)
  }

  /// Adds `amount` to one quantity. Zero is remembered too, and harmless.
  @inlinable @inline(__always)
  public mutating func add(_ quantity: Quantity, _ amount: UInt64) {
    let index = Int(quantity.rawValue)
    let bit = UInt32(1) << UInt32(quantity.rawValue)
    // Wraps never in practice: 2^64 bytes at 100 Gbit/s is 46 years.
    values[index] = (mask & bit != 0 ? values[index] : 0) &+ amount
    mask |= bit
  }

  /// The amount added to one quantity so far.
  @inlinable
  public subscript(quantity: Quantity) -> UInt64 {
    mask & (1 << UInt32(quantity.rawValue)) != 0 ? values[Int(quantity.rawValue)] : 0
  }

  /// Whether no quantity was touched.
  @inlinable public var isEmpty: Bool { mask == 0 }

  /// Forgets everything.
  @inlinable
  public mutating func clear() { mask = 0 }

  /// Adds what another event added.
  @inlinable
  public mutating func merge(_ other: borrowing Deltas) {
    var rest = other.mask
    // Bound: 32 bits.
    while rest != 0 {
      let index = rest.trailingZeroBitCount
      let bit = UInt32(1) << UInt32(index)
      values[index] = (mask & bit != 0 ? values[index] : 0) &+ other.values[index]
      mask |= bit
      rest &= rest &- 1
    }
  }
}
