/// An exact sum of money without its currency: a signed count of 10^-18 currency units.
///
/// Cost records, pools, rates and shares are computed in it. The range is about ±1.7 * 10^20 units,
/// and every operation that could leave it throws. Its text round-trips: stores may keep it as text.
public struct Amount: Hashable, Sendable {
  /// The count of 10^-18 units.
  public let units: Int128

  /// How many fraction digits an amount can hold.
  public static let fractionDigits = 18
  /// 10^18: the count that makes one currency unit.
  public static let unitsPerOne: Int128 = 1_000_000_000_000_000_000
  /// 10^12: the count that makes one micro-unit.
  public static let unitsPerMicro: Int128 = 1_000_000_000_000
  /// Nothing.
  public static let zero = Amount(units: 0)

  /// The amount of `units` times 10^-18.
  public init(units: Int128) {
    self.units = units
  }

  /// The amount of `micros` times 10^-6; always exact.
  public init(micros: Int64) {
    units = Int128(micros) * Self.unitsPerMicro
  }

  /// The amount that a decimal text writes, rounded half-even past the 18th digit.
  ///
  /// Throws `notADecimal` or `overflow`. `DecimalText.amount` also says whether digits were lost.
  public init(parsing text: String) throws(AccountingError) {
    self = try DecimalText.amount(text).amount
  }

  /// The sum of two amounts; throws `overflow`.
  public func adding(_ other: Amount) throws(AccountingError) -> Amount {
    let (sum, overflow) = units.addingReportingOverflow(other.units)
    guard !overflow else { throw .overflow(operation: "\(self) + \(other)") }
    return Amount(units: sum)
  }

  /// The difference of two amounts; throws `overflow`.
  public func subtracting(_ other: Amount) throws(AccountingError) -> Amount {
    let (difference, overflow) = units.subtractingReportingOverflow(other.units)
    guard !overflow else { throw .overflow(operation: "\(self) - \(other)") }
    return Amount(units: difference)
  }

  /// The same amount with the other sign; throws `overflow` for the least of all amounts.
  public func negated() throws(AccountingError) -> Amount {
    try Amount.zero.subtracting(self)
  }

  /// The nearest whole count of micro-units; a tie goes to the even one. Throws `overflow`.
  public func roundedToMicros() throws(AccountingError) -> Int64 {
    let rounded = Rounding.halfEven(units, over: Self.unitsPerMicro)
    guard let micros = Int64(exactly: rounded) else {
      throw .overflow(operation: "\(self) in micro-units")
    }
    return micros
  }
}

extension Amount: Comparable {
  /// Orders amounts by value.
  public static func < (left: Amount, right: Amount) -> Bool { left.units < right.units }
}

extension Amount: CustomStringConvertible {
  /// The shortest decimal text of this value: no exponent, no trailing zeros, `0` for nothing.
  public var description: String {
    DecimalText.trimmed(magnitude: units.magnitude, isNegative: units < 0, digits: 18)
  }
}
