/// An ISO 4217 currency with the digits of its minor unit.
public struct Currency: Hashable, Sendable {
  /// The three-letter code, for example `USD`.
  public let code: String
  /// Fraction digits of the printed unit: 2 for `USD`, 0 for `JPY`, 3 for `KWD`.
  public let minorDigits: Int

  /// The currency of a three-letter code; `nil` when the table below does not hold it.
  public init?(code: String) {
    guard let minorDigits = CurrencyTable.minorDigits[code] else { return nil }
    self.code = code
    self.minorDigits = minorDigits
  }

  /// The currency of a code; throws `unknownCurrency`.
  public static func named(_ code: String) throws(AccountingError) -> Currency {
    guard let currency = Currency(code: code) else { throw .unknownCurrency(code: code) }
    return currency
  }

  /// Micro-units in one minor unit: 10,000 for two digits.
  public var microsPerMinorUnit: Int64 {
    (minorDigits..<6).reduce(1) { count, _ in count * 10 }
  }
}

extension Currency: Comparable {
  /// Orders currencies by their code.
  public static func < (left: Currency, right: Currency) -> Bool { left.code < right.code }
}

extension Currency: CustomStringConvertible {
  /// The code.
  public var description: String { code }
}
