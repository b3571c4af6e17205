import Accounting
import Foundation
import GRDB
import Testing
import Usage

@testable import Store

@Suite struct UsageScanTests {
  private static let quantities: [Usage.Quantity] = [.requests, .responseBytes, .grpcServerErrors]
  private static let period = try! Period(parsing: "2026-11")

  /// Hours before, in and after the period, of tenants whose names share beginnings.
  private static func fill(_ database: Database, _ random: inout SplitMix64, tenants: Int) throws {
    let first = UsageHour.containing(period.start.microseconds)
    let end = UsageHour.containing(period.end.microseconds)
    for tenant in 0..<tenants {
      for _ in 0..<Int.random(in: 1...12, using: &random) {
        let hour = Int64.random(in: first - 3..<end + 3, using: &random)
        let route = ["api", "apis", "web", "~none"].randomElement(using: &random) ?? "api"
        let values = quantities.map { _ in Int64.random(in: 0...5, using: &random) << 40 }
        let columns = Schema.quantityColumns
        let row = columns.map { name in
          quantities.firstIndex { $0.name == name }.map { values[$0] } ?? 0
        }
        try database.execute(
          sql: """
            INSERT OR IGNORE INTO usage_rollup (tenant, hour, route, \(columns.joined(separator: ", ")))
            VALUES (?, ?, ?, \(columns.map { _ in "?" }.joined(separator: ", ")))
            """,
          arguments: StatementArguments(
            ["t\(tenant % 7)\(tenant)", hour, route] as [any DatabaseValueConvertible])
            + StatementArguments(row))
      }
    }
  }

  /// The same by SQL alone.
  private static func expected(_ database: Database) throws -> UsageFigures {
    var figures = UsageFigures()
    let rows = try Row.fetchCursor(
      database,
      sql: "SELECT tenant, route, \(UsageColumns.sums) FROM usage_rollup "
        + "WHERE hour >= ? AND hour < ? GROUP BY tenant, route",
      arguments: [
        UsageHour.containing(period.start.microseconds),
        UsageHour.containing(period.end.microseconds),
      ])
    while let row = try rows.next() {
      for quantity in quantities {
        try figures.add(
          tenant: row["tenant"], route: row["route"], quantity: quantity.name,
          UInt128(row[quantity.name] as Int64))
      }
    }
    return figures
  }

  @Test(arguments: [0, 1, 3, 40, 200])
  func `sections together hold what SQL sums`(tenants: Int) async throws {
    let scratch = try Scratch()
    let store = try await scratch.store()
    let expected = try await store.engine.write("filling") { database in
      var random = SplitMix64.seeded()
      try Self.fill(database, &random, tenants: tenants)
      return try Self.expected(database)
    }

    let scan = try await store.engine.read("planning") { database in
      try UsageReading.scan(database, table: "usage_rollup", period: Self.period)
    }
    for count in 1...5 {
      let sum = try await store.engine.read("summing") { database in
        var sum = UsageFigures()
        for section in try scan.sections(database, count) {
          let part = try scan.figures(database, section)
          #expect(Set(part.tenants).isDisjoint(with: sum.tenants))
          try sum.merge(part)
        }
        return sum
      }
      #expect(sum == expected, "\(count) sections")
    }
    #expect(try await store.usage.figures(of: Self.period) == expected)
    #expect(
      expected.tenants
        == expected.tenants.sorted { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) })
  }

  @Test func `figures do not depend on the order in which they were added`() throws {
    var random = SplitMix64.seeded()
    var adds: [(String, String, String, UInt128)] = []
    for _ in 0..<500 {
      adds.append(
        (
          "t\(Int.random(in: 0..<9, using: &random))", "r\(Int.random(in: 0..<4, using: &random))",
          "q\(Int.random(in: 0..<4, using: &random))",
          UInt128(UInt64.random(in: 0...UInt64.max, using: &random))
        ))
    }
    var one = UsageFigures()
    for add in adds { try one.add(tenant: add.0, route: add.1, quantity: add.2, add.3) }
    var other = UsageFigures()
    for add in adds.shuffled(using: &random) {
      try other.add(tenant: add.0, route: add.1, quantity: add.2, add.3)
    }

    #expect(one == other && one.hashValue == other.hashValue)
    #expect(one.totals.values.reduce(0, +) == adds.reduce(0) { $0 + $1.3 })
    for (name, total) in one.totals { #expect(one.total(of: name) == total) }
    let doubled = try one.merging(other)
    #expect(
      doubled.value(tenant: "t1", route: "r1", quantity: "q1")
        == 2 * one.value(tenant: "t1", route: "r1", quantity: "q1"))
    #expect(doubled != one)
  }

  @Test func `a sum past 96 bits is an error`() throws {
    var figures = UsageFigures()
    try figures.add(tenant: "a", route: "r", quantity: "q", (1 << 96) - 1)

    #expect(throws: AccountingError.self) {
      try figures.add(tenant: "a", route: "r", quantity: "q", 1)
    }
  }
}
