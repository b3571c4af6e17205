import Testing

@testable import Accounting

/// Which row of a SKU map names a record, and how many rows that takes.
struct SKUMapTests {
  private static func entry(
    _ line: Int, _ provider: String, _ service: String, _ sku: String
  ) -> SKUMap.Entry {
    SKUMap.Entry(
      line: line, provider: provider, service: service, sku: sku, normalizedService: "n\(line)",
      unit: "")
  }

  private static func record(_ provider: String?, _ service: String?, _ sku: String?) -> CostRecord
  {
    var record = Fixtures.record("1")
    record[.provider] = provider
    record[.service] = service
    record[.sku] = sku
    return record
  }

  @Test func `a record is named by the first row that fits it, in any map`() {
    var random = SplitMix64(seed: Seed.value)
    let patterns = ["", "*", "a", "b", "ab", "a*", "ab*", "e\u{301}", "\u{e9}"]
    let texts: [String?] = [nil, "", "a", "b", "ab", "abc", "\u{e9}", "e\u{301}", "*"]
    var found = 0
    for number in 0..<2_000 {
      let entries = (0..<Int.random(in: 0...25, using: &random)).map { line in
        var entry = Self.entry(
          line, patterns.randomElement(using: &random) ?? "",
          patterns.randomElement(using: &random) ?? "",
          patterns.randomElement(using: &random) ?? "")
        let day = Int64.random(in: 0..<30, using: &random) * 86_400_000_000
        let start = UTCInstant(microseconds: Fixtures.october.start.microseconds + day)
        if random.chance(20) { entry.from = start }
        if random.chance(20) { entry.until = start }
        return entry
      }
      let map = SKUMap(entries: entries)
      for _ in 0..<20 {
        var record = Self.record(
          texts.randomElement(using: &random) ?? nil, texts.randomElement(using: &random) ?? nil,
          texts.randomElement(using: &random) ?? nil)
        let day = Int64.random(in: 0..<31, using: &random) * 86_400_000_000
        record.chargePeriodStart = UTCInstant(
          microseconds: Fixtures.october.start.microseconds + day)

        let wanted = entries.first { $0.fits(record) }
        if wanted != nil { found += 1 }
        #expect(map.entry(for: record) == wanted, "\(number) \(Seed.comment)")
      }
    }
    #expect(found > 4_000)
  }

  @Test func `a record is compared with few rows of a large map`() {
    let count = SKUMap.entriesMax
    let entries =
      (0..<SKUMap.prefixesMax).map { Self.entry($0, "", "", "p\($0)*") }
      + (SKUMap.prefixesMax..<count).map { line in
        switch line % 4 {
        case 0: Self.entry(line, "", "s\(line)", "")
        case 1: Self.entry(line, "cloud", "s\(line)", "")
        case 2: Self.entry(line, "", "s\(line)", "k")
        default: Self.entry(line, "c\(line)", "", "")
        }
      }
    let map = SKUMap(entries: entries)

    for line in stride(from: SKUMap.prefixesMax, to: count, by: 997) {
      var looked = 0
      let place = map.place(for: Self.record("cloud", "s\(line)", "k"), &looked)
      #expect(place == (line % 4 == 3 ? nil : line))
      #expect(looked <= SKUMap.prefixesMax + 8)
    }
  }

  @Test(arguments: [
    (true, SKUMap.prefixesMax, "beginning before *"),
    (false, SKUMap.alikeMax, "same provider, service and SKU"),
  ])
  func `a map with too many rows that cannot be looked up is refused at its line`(
    _ hasBeginnings: Bool, _ most: Int, _ fault: String
  ) throws {
    func map(_ rows: Int) -> [UInt8] {
      let lines = (0..<rows).map { hasBeginnings ? "p\($0)*,n\n" : "same,n\n" }
      return Array(("sku,normalized_service\n" + lines.joined()).utf8)
    }
    #expect(try SKUMap.decode(map(most)).entries.count == most)

    let error = #expect(throws: DocumentFaults.self) { try SKUMap.decode(map(most + 2)) }
    let faults = error?.faults ?? []
    #expect(faults.count == 1, "\(faults)")
    #expect(faults.first?.hasPrefix("line \(most + 2): ") == true, "\(faults)")
    #expect(faults.first?.contains(fault) == true, "\(faults)")
  }

  @Test func `a bill of sums past the range has a coverage all the same`() throws {
    var coverage = SKUCoverage(map: SKUMap(entries: [Self.entry(1, "", "", "known")]))
    for sku in ["known", "a", "b", "c"] {
      var record = Self.record(nil, nil, sku)
      record.effectiveCost = Amount(units: .max / 2)
      try coverage.add(record)
    }

    let usd = Fixtures.currency("USD")
    #expect((1...5_000).contains(coverage.basisPoints(usd)))
    #expect(coverage.unknownSKUs.count == 3)
  }
}
