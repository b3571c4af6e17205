import Testing

@testable import Accounting

struct AmountTests {
  @Test(
    arguments: [
      ("0", 0), ("-0", 0), ("0.000", 0), ("1", 1_000_000_000_000_000_000),
      ("+1.5", 1_500_000_000_000_000_000), (".5", 500_000_000_000_000_000),
      ("5.", 5_000_000_000_000_000_000), ("-2.25", -2_250_000_000_000_000_000),
      ("1e3", 1_000_000_000_000_000_000_000), ("12.5E-3", 12_500_000_000_000_000),
      ("1e-18", 1), ("0.000000000000000001", 1), ("1E+2", 100_000_000_000_000_000_000),
      ("0e999", 0), ("0.12345678901234567", 123_456_789_012_345_670),
    ] as [(String, Int128)])
  func `decimal texts are read exactly`(text: String, units: Int128) throws {
    let (amount, lostDigits) = try DecimalText.amount(text)

    #expect(amount.units == units)
    #expect(!lostDigits)
  }

  @Test(
    arguments: [
      ("0.0000000000000000005", 0), ("0.0000000000000000015", 2), ("0.0000000000000000025", 2),
      ("0.00000000000000000050000001", 1), ("-0.0000000000000000015", -2), ("1e-19", 0),
      ("9e-19", 1), ("9e-20", 0), ("1.0000000000000000009", 1_000_000_000_000_000_001),
    ] as [(String, Int128)])
  func `digits past the eighteenth round half to even and are reported`(
    text: String, units: Int128
  ) throws {
    let (amount, lostDigits) = try DecimalText.amount(text)

    #expect(amount.units == units)
    #expect(lostDigits)
  }

  @Test(arguments: ["", "-"]) func `an amount that rounds past its range is refused`(sign: String) {
    let largest = "170141183460469231731.687303715884105727"
    #expect(throws: AccountingError.self) { try DecimalText.amount(sign + largest + "9") }
    #expect(throws: Never.self) { try DecimalText.amount(sign + largest + "1") }
  }

  @Test func `zeros past the eighteenth digit lose nothing`() throws {
    #expect(try DecimalText.amount("1.0000000000000000010000").lostDigits == false)
  }

  @Test(arguments: [
    "", "-", "+", ".", "e5", "1e", "1e+", "1,000", "1 ", " 1", "$1", "NaN", "inf", "0x10", "1.2.3",
    "--1", "１", "1e5.5", "NULL", "N/A", String(repeating: "1", count: 129),
  ])
  func `other texts are refused`(text: String) {
    #expect(throws: AccountingError.self) { try Amount(parsing: text) }
  }

  @Test(arguments: ["1e21", "-1e21", "1e999", "999999999999999999999999999999"])
  func `numbers past the range are refused, never wrapped`(text: String) {
    #expect(throws: AccountingError.self) { try Amount(parsing: text) }
  }

  @Test func `text round-trips for any amount`() throws {
    var random = SplitMix64(seed: Seed.value)
    for _ in 0..<2000 {
      let units =
        Int128.random(in: Int128.min...Int128.max, using: &random)
        >> Int128.random(in: 0..<120, using: &random)
      let amount = Amount(units: units)
      #expect(try Amount(parsing: amount.description) == amount, Seed.comment)
    }
    #expect(Amount(units: -1_500_000_000_000_000_000).description == "-1.5")
    #expect(Amount(micros: 33_333_334).description == "33.333334")
  }

  @Test func `sums that leave the range throw`() {
    let most = Amount(units: .max)
    #expect(throws: AccountingError.self) { try most.adding(Amount(units: 1)) }
    #expect(throws: AccountingError.self) { try Amount(units: .min).subtracting(Amount(units: 1)) }
    #expect(throws: AccountingError.self) { try Amount(units: .min).negated() }
    #expect(throws: AccountingError.self) { try most.roundedToMicros() }
  }

  @Test(
    arguments: [
      ("0.0000005", 0), ("0.0000015", 2), ("0.0000025", 2), ("-0.0000005", 0), ("-0.0000015", -2),
      ("0.00000050000001", 1), ("-0.00000050000001", -1), ("1.2345674", 1_234_567),
    ] as [(String, Int64)])
  func `micro-units round half to even`(text: String, micros: Int64) throws {
    #expect(try Amount(parsing: text).roundedToMicros() == micros)
  }

  @Test func `money of two currencies does not add, and money does not wrap`() throws {
    let dollar = Money(micros: 1, currency: Fixtures.currency("USD"))
    let euro = Money(micros: 1, currency: Fixtures.currency("EUR"))

    #expect(throws: AccountingError.currencyMismatch(left: "USD", right: "EUR")) {
      try dollar.adding(euro)
    }
    #expect(throws: AccountingError.self) {
      try Money(micros: .max, currency: dollar.currency).adding(dollar)
    }
    #expect(throws: AccountingError.self) {
      try Money(micros: .min, currency: dollar.currency).negated()
    }
    #expect(Money(micros: -33_333_334, currency: dollar.currency).text == "-33.333334")
  }

  @Test(arguments: [("USD", 2, 10_000), ("JPY", 0, 1_000_000), ("KWD", 3, 1_000), ("CLF", 4, 100)])
  func `currencies know their minor unit`(code: String, digits: Int, micros: Int64) throws {
    let currency = try Currency.named(code)

    #expect(currency.minorDigits == digits)
    #expect(currency.microsPerMinorUnit == micros)
  }

  @Test(arguments: ["", "usd", "US", "USDX", "XXX", "CREDITS"])
  func `codes outside the table are refused`(code: String) {
    #expect(Currency(code: code) == nil)
  }
}
