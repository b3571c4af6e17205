import Accounting
import Foundation
import GRDB
import Testing

@testable import Store

@Suite struct CostBlockTests {
  /// Texts that look alike, that are long, and that many records share.
  private static let words = [
    "", "a", "Compute", "K", "\u{212A}", "\u{e9}", "e\u{301}", ";", "\u{37E}",
    String(repeating: "ü", count: 3_000),
  ]

  private func word(_ random: inout SplitMix64) -> String {
    Bool.random(using: &random)
      ? Self.words.randomElement(using: &random) ?? ""
      : "word \(UInt8.random(in: 0...40, using: &random))"
  }

  private func amount(_ random: inout SplitMix64) -> Amount {
    switch Int.random(in: 0..<6, using: &random) {
    case 0: .zero
    case 1: Amount(units: .max)
    case 2: Amount(units: .min + 1)
    case 3: Amount(units: -1)
    default:
      Amount(
        units: Int128(Int64.random(in: .min ... .max, using: &random))
          << Int128.random(in: 0...60, using: &random))
    }
  }

  private func tags(_ random: inout SplitMix64) -> [String: String] {
    // Keys by bytes: two that look alike are one key of a dictionary.
    var tags: [String: String] = [:]
    for _ in 0..<Int.random(in: 0...3, using: &random) {
      tags["key \(Int.random(in: 0...5, using: &random))"] = word(&random)
    }
    return tags
  }

  private func records(_ count: Int, _ random: inout SplitMix64) throws -> [CostRecord] {
    let currencies = [try Currency.named("USD"), try Currency.named("JPY")]
    let instants = [Int64.min, -1, 0, 1, 1_790_000_000_000_000, .max].map(
      UTCInstant.init(microseconds:))
    var record = CostRecord(
      line: 2, billedCost: .zero, effectiveCost: .zero, currency: currencies[0],
      billingPeriod: instants[1]..<instants[2], chargePeriod: instants[2]..<instants[3])
    return (0..<count).map { _ in
      record.line =
        Int.random(in: 0...10, using: &random) == 0
        ? Int(Int32.max) : Int.random(in: 1...9, using: &random)
      if Bool.random(using: &random) { record.billedCost = amount(&random) }
      if Bool.random(using: &random) { record.effectiveCost = amount(&random) }
      if Bool.random(using: &random) { record.listCost = amount(&random) }
      if Bool.random(using: &random) { record.contractedCost = amount(&random) }
      if Bool.random(using: &random) {
        record.currency = currencies.randomElement(using: &random) ?? currencies[0]
      }
      if Bool.random(using: &random) {
        let first = Int.random(in: 0..<instants.count, using: &random)
        record.billingPeriodStart = instants[first]
        record.billingPeriodEnd = instants[Int.random(in: first..<instants.count, using: &random)]
        record.chargePeriodStart = instants[first]
        record.chargePeriodEnd = instants[Int.random(in: first..<instants.count, using: &random)]
      }
      if Bool.random(using: &random) {
        record.pricingQuantity = Bool.random(using: &random) ? nil : amount(&random)
      }
      if Bool.random(using: &random) {
        record.consumedQuantity = Bool.random(using: &random) ? nil : amount(&random)
      }
      if Bool.random(using: &random) { record.tags = tags(&random) }
      if Bool.random(using: &random) { record.allocatedTags = tags(&random) }
      for _ in 0..<Int.random(in: 0...8, using: &random) {
        guard let field = CostField.allCases.randomElement(using: &random) else { continue }
        record[field] = Bool.random(using: &random) ? nil : word(&random)
      }
      return record
    }
  }

  private func block(_ records: [CostRecord]) -> CostBlock {
    var block = CostBlock()
    var encoder = CostRecordEncoder()
    for record in records {
      _ = encoder.encode(record)
      block.add(record, encoder)
    }
    return block
  }

  private func read(_ bytes: [UInt8]) throws -> [CostRecord] {
    var reader = try CostBlockReader(bytes)
    var found: [CostRecord] = []
    while try reader.next({ found.append($0) }) {}
    return found
  }

  /// Everything of a record, byte by byte: `==` takes for equal what only looks alike.
  private func bytes(_ records: [CostRecord]) -> [[UInt8]] {
    records.map { record in
      var encoder = CostRecordEncoder()
      return Array("\(record.line) ".utf8) + encoder.encode(record)
    }
  }

  @Test func `records read back to the byte`() throws {
    var random = SplitMix64.seeded()
    for _ in 0..<300 {
      let given = try records(Int.random(in: 1...40, using: &random), &random)
      let block = block(given)
      let found = try read(block.bytes)
      #expect(bytes(found) == bytes(given), random.comment)
      #expect(block.records == given.count, random.comment)
    }
  }

  @Test func `what repeats is stored once`() throws {
    var random = SplitMix64.seeded()
    let one = try records(1, &random)
    let first = block(one).bytes.count
    let again = block(Array(repeating: one[0], count: 101)).bytes.count

    // A difference of lines and two empty masks.
    #expect(again - first == 100 * 3, random.comment)
  }

  @Test
  func `a block that was cut off or changed is refused or gives other records, and never traps`()
    throws
  {
    var random = SplitMix64.seeded()
    for _ in 0..<20 {
      let given = try records(6, &random)
      let whole = block(given).bytes
      for cut in 0..<whole.count where cut < 400 || cut % 97 == 0 {
        do {
          #expect(try read(Array(whole[..<cut])).count < given.count, random.comment)
        } catch is StoreError {}
      }
      for _ in 0..<400 {
        var changed = whole
        for _ in 0...Int.random(in: 0...2, using: &random) {
          changed[Int.random(in: changed.indices, using: &random)] = UInt8.random(
            in: .min ... .max, using: &random)
        }
        do {
          _ = try read(changed)
        } catch is StoreError {}
      }
    }
  }

  @Test func `a layout of a newer Weir is refused`() throws {
    #expect(throws: StoreError.malformed(table: "cost_block", reason: "unknown layout")) {
      try read([0, 3, 1])
    }
  }

  @Test func `blocks of the first layout are read`() throws {
    var random = SplitMix64.seeded()
    let given = try records(50, &random)
    var bytes: [UInt8] = []
    for record in given {
      var encoder = CostRecordEncoder()
      let blob = encoder.encode(record)
      CostRecordBlob.append(blob.count, to: &bytes)
      CostRecordBlob.append(record.line, to: &bytes)
      bytes += blob
    }
    #expect(self.bytes(try read(bytes)) == self.bytes(given), random.comment)
  }

  @Test func `texts that only look alike are different`() {
    #expect(SameBytes.texts("K", "K"))
    #expect(!SameBytes.texts("K", "\u{212A}"))
    #expect(!SameBytes.texts("\u{e9}", "e\u{301}"))
    #expect(!SameBytes.texts("a", nil))
    #expect(SameBytes.texts(nil, nil))
    #expect(SameBytes.tags(["\u{e9}": "x"], ["\u{e9}": "x"]))
    #expect(!SameBytes.tags(["\u{e9}": "x"], ["e\u{301}": "x"]))
    #expect(!SameBytes.tags(["x": "\u{e9}"], ["x": "e\u{301}"]))
  }
}
