import Accounting
import PlainHTTP
import TestSupport

/// The ledger that DemoTraffic wrote: what clients saw.
struct TrafficBooks {
  /// One tenant's figures by the ledger's field.
  private let tenants: [String: JSONValue]
  private let totals: JSONValue

  /// Fields of the ledger that are quantities of the meter in the same words.
  static let exact = [
    "requests", "request_bytes", "response_bytes", "request_body_bytes", "response_body_bytes",
    "responses_2xx", "responses_3xx", "responses_4xx", "responses_5xx",
  ]

  /// Reads the file.
  init(_ path: String) throws {
    let document = try JSONValue(parsing: TextFile.read(path) ?? [])
    guard case .object(let members)? = document["tenants"], let total = document["total"] else {
      throw TestSupportError.file("\(path) is no ledger")
    }
    tenants = Dictionary(uniqueKeysWithValues: members.map { ($0.key, $0.value) })
    totals = total
  }

  /// All tenants, the reserved ones among them.
  var names: [String] { tenants.keys.sorted() }

  /// What a tenant's clients counted. Weir takes the bytes of a tunnel for content; the ledger has
  /// them apart.
  func value(_ field: String, of tenant: String) -> UInt64 {
    let tunnel = ["request_body_bytes": "sent", "response_body_bytes": "received"][field]
    return figure(field, tenant) + (tunnel.map { figure("tunnel_bytes_\($0)", tenant) } ?? 0)
  }

  private func figure(_ field: String, _ tenant: String) -> UInt64 {
    UInt64(tenants[tenant]?["total"]?[field]?.asInteger ?? 0)
  }

  /// How many requests all clients made.
  var requests: UInt64 { UInt64(totals["requests"]?.asInteger ?? 0) }

  /// Every figure in which usage differs from these books, in words; empty when they agree.
  func differences(from usage: UsageByTenant) -> [String] {
    var found: [String] = []
    for tenant in Set(names).union(usage.tenants).sorted() {
      for field in Self.exact {
        let mine = value(field, of: tenant)
        let theirs = usage[tenant, field]
        if mine != theirs { found.append("\(tenant) \(field): clients \(mine), Weir \(theirs)") }
      }
    }
    return found
  }
}
