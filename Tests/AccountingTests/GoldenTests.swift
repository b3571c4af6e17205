import Accounting
import Foundation
import Testing

/// Whole closes against files that an accountant can read; see `Golden/README.md`.
struct GoldenTests {
  private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "Golden/october")

  private static func bytes(_ name: String) throws -> [UInt8] {
    Array(try Data(contentsOf: folder.appending(path: name)))
  }

  /// The rows of a CSV without quotes, after its header.
  private static func rows(_ name: String) throws -> [[String]] {
    String(decoding: try bytes(name), as: UTF8.self).split(separator: "\n").dropFirst()
      .map { $0.split(separator: ",").map(String.init) }
  }

  private static func close() throws -> Close {
    let reading = try FocusReading(try bytes("bill.csv"))
    #expect(reading.faults.isEmpty)
    let policy = try PolicyText.decode(String(decoding: try bytes("policy.json"), as: UTF8.self))
    var usage = UsageFigures()
    for row in try rows("usage.csv") {
      let value = try #require(UInt128(row[3]))
      try usage.add(tenant: row[0], route: row[1], quantity: row[2], value)
    }
    var values: [String: Amount] = [:]
    for row in try rows("series.csv") { values[row[2]] = try Amount(parsing: row[3]) }
    let series = try ExternalSeries(name: "gb_months", unit: "GB-month", values: values)
    let coverage = Coverage([
      ProxyCoverage(
        instance: "proxy-1", batches: 1, from: Fixtures.october.start,
        to: Fixtures.october.end, holes: [])
    ])
    return try Close(
      reading.records, policy: policy, usage: usage, externals: [series],
      register: ["acme", "bolt"], names: ["acme": "Acme GmbH", "bolt": ""], coverage: coverage,
      previous: [
        "acme": PreviousStatement(
          version: 1, total: Money(micros: 100_000_000, currency: policy.currency),
          lines: [
            .init(pool: "compute", route: "api", micros: 90_000_000),
            .init(pool: "licences", route: nil, micros: 10_000_000),
          ])
      ])
  }

  @Test func `the close of October comes out as the files say, byte for byte`() throws {
    let close = try Self.close()
    var files = [
      "period.csv": close.statements.summary.csv(),
      "period.json": close.statements.summary.canonicalJSON(),
      "bridge.json": close.bridge.json.canonicalBytes,
    ]
    for statement in close.statements.statements {
      files["statement-\(statement.tenant).csv"] = statement.csv()
      files["statement-\(statement.tenant).json"] = statement.canonicalJSON()
    }
    for (name, bytes) in files {
      let actual = String(decoding: bytes, as: UTF8.self)
      let wanted = (try? Self.bytes(name)).map { String(decoding: $0, as: UTF8.self) }
      #expect(actual == wanted, "\(name)")
    }
    #expect(files.count == 11)
  }
}
