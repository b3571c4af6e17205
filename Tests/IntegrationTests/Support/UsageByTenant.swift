import Accounting
import Foundation
import Usage

/// Sums of every quantity for each tenant, wherever they were counted.
struct UsageByTenant: Equatable {
  /// Tenant, then the quantity's name.
  private(set) var values: [String: [String: UInt64]] = [:]

  /// Nothing.
  init() {}

  /// Rows of the allocator's answer.
  init(rows: [JSONValue]) {
    for row in rows {
      for quantity in Usage.Quantity.allCases {
        let value = UInt64(row[quantity.name]?.asInteger ?? 0)
        add(value, quantity.name, of: row["tenant"]?.asString ?? "")
      }
    }
  }

  /// Rows of batches.
  init(_ batches: [Batch]) {
    for row in batches.flatMap(\.rows) {
      for quantity in Usage.Quantity.allCases {
        add(row[quantity], quantity.name, of: row.tenant.text)
      }
    }
  }

  /// The tenants in order.
  var tenants: [String] { values.keys.sorted() }

  /// One sum.
  subscript(tenant: String, quantity: String) -> UInt64 { values[tenant]?[quantity] ?? 0 }

  /// The sum over all tenants.
  func total(_ quantity: String) -> UInt64 {
    values.values.reduce(0) { $0 + ($1[quantity] ?? 0) }
  }

  private mutating func add(_ value: UInt64, _ quantity: String, of tenant: String) {
    values[tenant, default: [:]][quantity, default: 0] += value
  }
}
