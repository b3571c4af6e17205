import Accounting
import Foundation
import PlainHTTP
import TestSupport
import Testing
import Usage

extension Integration {
  @Suite("A month from traffic to statements") struct MonthTests {
    @Test(.timeLimit(.minutes(3)))
    func `statements say exactly what the clients counted`() throws {
      let seed = TestSeed()
      let note: Comment = "\(seed)"
      let chain = try Chain()
      try chain.startProxy()
      let month = CurrentMonth()
      let books = try chain.sendTraffic(tenants: 40, scale: 0.4, seed: seed)
      try chain.drainUntilShipped()

      let usage = try chain.api().usage()
      #expect(books.differences(from: usage) == [], note)
      // At midnight before the first of a month the traffic lies in two months; their sum was held
      // above.
      guard month.isStill else { return }
      let closed = try chain.closeMonth(month)
      #expect(closed["reconciliation"]?["ties_out"] == .bool(true), note)
      for tenant in books.names where !tenant.hasPrefix("~") {
        let statement = try chain.api(.reader).call(
          "/v1/periods/\(month.text)/statements/\(tenant)?format=json")
        let figures = Self.sums(statement.json)
        for field in TrafficBooks.exact {
          #expect(
            figures[field, default: 0] == books.value(field, of: tenant),
            "\(seed) \(tenant) \(field)")
        }
      }
      let reserved = try Self.reserved(chain, month.text)
      for tenant in ["~invalid", "~unattributed"] {
        #expect(
          reserved[tenant]?["requests"] == books.value("requests", of: tenant),
          "\(seed) \(tenant)")
      }
    }

    /// A statement's usage, all routes of a quantity together.
    private static func sums(_ statement: JSONValue) -> [String: UInt64] {
      var sums: [String: UInt64] = [:]
      for item in statement["usage"]?.asArray ?? [] {
        let value = UInt64(item["value"]?.asString ?? "") ?? 0
        sums[item["quantity"]?.asString ?? "", default: 0] += value
      }
      return sums
    }

    /// Usage of the reserved tenants, from the summary of the period.
    private static func reserved(
      _ chain: Chain, _ month: String
    ) throws -> [String: [String: UInt64]] {
      let reconciliation = try chain.api().call("/v1/periods/\(month)/reconciliation").json
      guard case .object(let members)? = reconciliation["summary"]?["reserved_usage"] else {
        return [:]
      }
      return Dictionary(
        uniqueKeysWithValues: members.map { member in
          (member.key, sums(.object([.init("usage", member.value)])))
        })
    }
  }
}
