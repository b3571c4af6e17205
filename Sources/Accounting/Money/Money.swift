/// Posted money: a signed 64-bit count of micro-units with its currency.
///
/// Ledger postings and statements hold it, so that any database can add it up. The range is about
/// ±9.2 * 10^12 units. Overflow and mixed currencies throw.
public struct Money: Hashable, Sendable {
  /// The count of 10^-6 units.
  public let micros: Int64
  /// The currency.
  public let currency: Currency

  /// Money of `micros` micro-units.
  public init(micros: Int64, currency: Currency) {
    self.micros = micros
    self.currency = currency
  }

  /// The sum of two amounts of one currency; throws `currencyMismatch` or `overflow`.
  public func adding(_ other: Money) throws(AccountingError) -> Money {
    guard currency == other.currency else {
      throw .currencyMismatch(left: currency.code, right: other.currency.code)
    }
    let (sum, overflow) = micros.addingReportingOverflow(other.micros)
    guard !overflow else { throw .overflow(operation: "\(self) + \(other)") }
    return Money(micros: sum, currency: currency)
  }

  /// The same money with the other sign; throws `overflow` for the least value.
  public func negated() throws(AccountingError) -> Money {
    guard micros != .min else { throw .overflow(operation: "negating \(self)") }
    return Money(micros: -micros, currency: currency)
  }

  /// The six-digit decimal without its currency, for example `33.333334`.
  public var text: String { DecimalText.fixed(Int128(micros), digits: 6) }
}

extension Money: CustomStringConvertible {
  /// The six-digit decimal and the code, for example `33.333334 USD`.
  public var description: String { "\(text) \(currency.code)" }
}
