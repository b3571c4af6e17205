import Accounting
import Testing

struct FocusReaderTests {
  private static let tricky: String = {
    let text = FocusText(lineEnd: "\r\n")
    return "\u{feff}" + text.header + text.row()
      + text.row([
        "ChargeDescription": "two\nlines, a \"quote\" and\r\na comma",
        "Tags": #"{"tenant":"acme","bare":true}"#,
      ])
      + text.row(["EffectiveCost": "not a number"]) + "\r\n"
      + text.row(["ChargeClass": "Correction", "BilledCost": "-3.25E-2", "ServiceName": "größe"])
      + "a,b\r\n" + text.row(["InvoiceId": ""]).dropLast()
  }()

  @Test func `a file reads the same when it is cut at any byte`() throws {
    let bytes = Array(Self.tricky.utf8)
    let whole = try FocusReading(bytes)
    #expect(whole.records.count == 4)
    #expect(whole.faults.count == 2)

    for cut in 0...bytes.count {
      let reading = try FocusReading(bytes, pieces: [cut])
      #expect(reading.records == whole.records, "cut at \(cut)")
      #expect(reading.faults == whole.faults, "cut at \(cut)")
      #expect(reading.totals == whole.totals, "cut at \(cut)")
    }
    let single = try FocusReading(bytes, pieces: Array(0..<bytes.count))
    #expect(single.records == whole.records)
    #expect(single.faults == whole.faults)
  }

  @Test func `a record holds what its row says`() throws {
    let reading = try FocusReading(Self.tricky)
    let record = reading.records[1]

    #expect(reading.version == .v12)
    #expect(record.line == 3)
    #expect(record.effectiveCost == Fixtures.amount("1.25"))
    #expect(record.billedCost == Fixtures.amount("1.5"))
    #expect(record[.chargeDescription] == "two\nlines, a \"quote\" and\r\na comma")
    #expect(record[.billingAccount] == "1234567890123")
    #expect(record[.chargeClass] == nil)
    #expect(record.tags == ["tenant": "acme", "bare": "true"])
    #expect(record.period == Fixtures.october)
    #expect(reading.records[2].billedCost == Fixtures.amount("-0.0325"))
    #expect(reading.records[2][.chargeClass] == "Correction")
    #expect(reading.records[3][.invoice] == nil)
  }

  @Test func `faults name the line on which the row begins, counting lines inside quotes`() throws {
    let faults = try FocusReading(Self.tricky).faults

    #expect(faults.map(\.line) == [6, 9])
    #expect(
      faults[0].description
        == #"line 6: EffectiveCost: is not a decimal number (found "not a number")"#)
    #expect(faults[1].problems[0].reason == "the row has 2 columns, the header has 26")
  }

  @Test(arguments: [
    ("BilledCost", ""), ("EffectiveCost", "NULL"), ("ListCost", "1,5"), ("ContractedCost", "1e30"),
    ("BillingCurrency", "usd"), ("BillingCurrency", "CREDITS"), ("BillingCurrency", ""),
    ("BillingPeriodStart", "yesterday"), ("BillingPeriodEnd", "2026-10-01"),
    ("ChargePeriodStart", ""), ("ChargePeriodEnd", "2026-10-04"), ("ChargeCategory", "usage"),
    ("ChargeCategory", ""), ("ChargeClass", "N/A"), ("PricingQuantity", "many"),
    ("Tags", "team=data"), ("Tags", #"{"a":{"b":1}}"#), ("BillingAccountId", ""),
    ("ServiceName", ""), ("ServiceCategory", ""),
  ])
  func `each bad value is named with its column and line`(column: String, value: String) throws {
    let text = FocusText()
    let file = text.header + text.row() + text.row([column: value]) + text.row()
    let reading = try FocusReading(file)

    #expect(reading.records.map(\.line) == [2, 4])
    #expect(reading.faults.map(\.line) == [3])
    #expect(reading.faults[0].problems.contains { $0.column == column })
    #expect(reading.totals.rows == 3)
  }

  @Test func `a row with several bad values names them all`() throws {
    let text = FocusText()
    let row = text.row(["BilledCost": "x", "BillingCurrency": "y", "ChargeCategory": "z"])
    let fault = try FocusReading(text.header + row).faults[0]

    #expect(fault.problems.map(\.column) == ["BilledCost", "BillingCurrency", "ChargeCategory"])
    #expect(fault.problems.map(\.value) == ["x", "y", "z"])
  }

  @Test func `bytes that are not UTF-8 are a fault of their row`() throws {
    let text = FocusText()
    var bytes = Array((text.header + text.row(["ServiceName": "@@"]) + text.row()).utf8)
    let at = try #require(bytes.firstIndex(of: UInt8(ascii: "@")))
    bytes[at] = 0xff
    let reading = try FocusReading(bytes)

    #expect(reading.records.count == 1)
    #expect(reading.faults[0].problems[0].reason == "is not UTF-8")
  }

  @Test(arguments: [
    ("\"never closed", "a quoted field has no end"),
    ("\"closed\"badly", "text after a closing quote"),
    ("mid\"quote", "a quote inside an unquoted field"),
    ("bare\rreturn", "a carriage return without a line feed"),
  ])
  func `a broken quote costs its own row only`(field: String, reason: String) throws {
    let text = FocusText()
    let broken = field + String(repeating: ",", count: text.columns.count - 1) + "\n"
    let reading = try FocusReading(text.header + text.row() + broken + text.row() + text.row())

    #expect(reading.records.map(\.line) == [2, 4, 5])
    #expect(reading.faults.map(\.line) == [3])
    #expect(reading.faults[0].problems[0].reason == reason)
  }

  @Test func `an opening quote without an end gives the rows after it back`() throws {
    let text = FocusText()
    let quoted = text.row(["Tags": #"{"tenant":"acme"}"#])
    let broken = "\"oops" + String(repeating: ",", count: text.columns.count - 1) + "\n"
    let reading = try FocusReading(text.header + quoted + broken + quoted + quoted)

    #expect(reading.records.map(\.line) == [2, 4, 5])
    #expect(reading.faults.map(\.line) == [3])
  }

  @Test func `fields and rows past the bounds are faults and the rest is read`() throws {
    let text = FocusText()
    let limits = CostFileLimits(fieldBytesMax: 200, rowBytesMax: 600, columnsMax: 40)
    let long = text.row(["ChargeDescription": String(repeating: "x", count: 201)])
    let wide = text.row([
      "ChargeDescription": String(repeating: "x", count: 190),
      "ServiceName": String(repeating: "y", count: 190),
      "SkuId": String(repeating: "z", count: 190),
    ])
    let many = String(repeating: ",", count: 50) + "\n"
    let reading = try FocusReading(
      text.header + long + text.row() + wide + text.row() + many + text.row(), limits: limits)

    #expect(reading.records.map(\.line) == [3, 5, 7])
    #expect(
      reading.faults.map { $0.problems[0].reason } == [
        "a field is longer than 200 bytes", "the row is longer than 600 bytes",
        "the row has more than 40 columns",
      ])
  }

  @Test func `generated faults are all named and good rows are counted once`() throws {
    var random = SplitMix64(seed: Seed.value)
    for _ in 0..<60 {
      let text = FocusText(lineEnd: random.chance(50) ? "\n" : "\r\n")
      var file = text.header
      var line = 2
      var good: [Int] = []
      var bad: [Int] = []
      for _ in 0..<Int.random(in: 1...40, using: &random) {
        let isGood = random.chance(70)
        if isGood { good.append(line) } else { bad.append(line) }
        let row = isGood ? Self.goodRow(text, &random) : Self.badRow(text, &random)
        file += row
        line += row.utf8.count { $0 == UInt8(ascii: "\n") }
      }
      let bytes = Array(file.utf8)
      let cuts = (0..<5).map { _ in Int.random(in: 0...bytes.count, using: &random) }.sorted()
      let reading = try FocusReading(bytes, pieces: cuts)

      #expect(reading.records.map(\.line) == good, Seed.comment)
      #expect(reading.faults.map(\.line) == bad, Seed.comment)
      #expect(reading.totals.rows == good.count + bad.count, Seed.comment)
      #expect(reading.totals.records == good.count, Seed.comment)
    }
  }

  private static func goodRow(_ text: FocusText, _ random: inout SplitMix64) -> String {
    let descriptions = ["", "plain", "a,b", "say \"x\"", "line\nbreak", "crlf\r\nbreak", "ü"]
    return text.row([
      "ChargeDescription": descriptions.randomElement(using: &random) ?? "",
      "EffectiveCost": "\(Int.random(in: -999...999, using: &random)).5",
      "Tags": random.chance(50) ? #"{"tenant":"t1"}"# : "",
    ])
  }

  private static func badRow(_ text: FocusText, _ random: inout SplitMix64) -> String {
    switch Int.random(in: 0..<6, using: &random) {
    case 0: text.row(["EffectiveCost": "1..2"])
    case 1: text.row(["BillingCurrency": "???"])
    case 2: "x,y,z" + text.lineEnd
    case 3: text.row(["Tags": "{"])
    case 4: "\"a\"b" + text.row()
    default: text.row(["ChargePeriodEnd": "2020-01-01"])
    }
  }

  @Test func `costs finer than ten to the minus eighteen are rounded and counted`() throws {
    let text = FocusText()
    let row = text.row(["EffectiveCost": "0.1234567890123456785", "BilledCost": "1.0000"])
    let reading = try FocusReading(text.header + row)

    #expect(reading.totals.roundedValues == 1)
    #expect(reading.records[0].effectiveCost == Fixtures.amount("0.123456789012345678"))
  }
}
