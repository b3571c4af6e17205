internal import Usage

/// The law that a batch must hold: rows and listeners count the same, by separate code.
enum Conservation {
  /// Whether, for every quantity, the sum over rows equals the sum over listeners.
  static func holds(_ batch: Batch) -> Bool {
    Quantity.allCases.allSatisfy { quantity in
      let index = Int(quantity.rawValue)
      let rows = sum(batch.rows.lazy.map { $0.quantities[index] })
      return rows != nil && rows == sum(batch.listeners.lazy.map { $0.quantities[index] })
    }
  }

  private static func sum(_ counts: some Sequence<UInt64>) -> UInt64? {
    var total: UInt64 = 0
    for count in counts {
      let (next, overflow) = total.addingReportingOverflow(count)
      guard !overflow else { return nil }
      total = next
    }
    return total
  }
}
