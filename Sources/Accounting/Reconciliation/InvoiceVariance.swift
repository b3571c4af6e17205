/// SLI M5, the reconciliation variance: how far what the ledger accounts for is from what the
/// provider billed, as a part of the latter.
///
///     variance = |internal - provider| / |provider|
///
/// Both at invoice prices: `internal` is what the ledger moved from its cost accounts, without what
/// amortisation added. The variance may be above nought for reasons that are known (a control total
/// that is not the sum of the records, costs that came late); what nothing explains is the bridge's
/// difference, which has to be nought whatever the threshold.
public struct InvoiceVariance: Hashable, Sendable {
  /// What the ledger accounts for.
  public let accounted: Amount
  /// What the provider billed.
  public let provider: Amount
  /// The largest variance that is in order, in hundredths of a percent.
  public let thresholdBasisPoints: Int

  /// A variance.
  public init(accounted: Amount, provider: Amount, thresholdBasisPoints: Int) {
    self.accounted = accounted
    self.provider = provider
    self.thresholdBasisPoints = thresholdBasisPoints
  }

  /// The variance of a bridge. Throws `overflow`.
  public init(_ bridge: Bridge, thresholdBasisPoints: Int) throws(AccountingError) {
    let invoice = bridge.amount(of: "invoice") ?? .zero
    let rounding = bridge.amount(of: "invoice-rounding") ?? .zero
    // invoice + rounding + missing is what the records say, and difference + missing what the ledger lacks of it.
    self.init(
      accounted: try invoice.adding(rounding).subtracting(bridge.difference), provider: invoice,
      thresholdBasisPoints: thresholdBasisPoints)
  }

  /// Accounted minus provider.
  public var difference: Amount { Amount(units: accounted.units - provider.units) }

  /// Whether the variance is at most the threshold. Of nothing, only nothing is in order.
  public var isMet: Bool {
    BigUInt(difference.units.magnitude) * BigUInt(UInt64(10_000))
      <= BigUInt(provider.units.magnitude) * BigUInt(UInt64(thresholdBasisPoints))
  }

  /// The variance with six digits; `nil` when the provider billed nothing.
  public var ratio: String? {
    guard provider != .zero else { return nil }
    return Fraction(
      numerator: BigUInt(difference.units.magnitude),
      denominator: BigUInt(provider.units.magnitude)
    ).text(digits: 6)
  }

  /// The variance as JSON.
  public var json: JSONValue {
    .object([
      .init("sli", .string("M5")), .init("accounted", .string(accounted.description)),
      .init("provider", .string(provider.description)),
      .init("difference", .string(difference.description)), .init("variance", .text(ratio)),
      .init(
        "threshold", .string(DecimalText.fixed(Int128(thresholdBasisPoints), digits: 4))),
      .init("met", .bool(isMet)),
    ])
  }
}
