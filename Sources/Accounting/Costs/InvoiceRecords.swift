/// Sums of records by the source that they came from and the invoice that they name.
struct InvoiceRecords: Sendable {
  /// The sums of records by source and InvoiceId; an empty id stands for none.
  private var sums: [String: [String: RatedTally]] = [:]
  private var source = ""
  private var current: [String: RatedTally] = [:]

  /// Bound: how many invoices the records of a period may name.
  private let invoicesMax: Int
  private var count = 0

  init(invoicesMax: Int = 1_000_000) { self.invoicesMax = invoicesMax }

  /// What follows is of this source.
  mutating func begin(_ next: String) {
    sums[source] = current
    source = next
    current = sums[next] ?? [:]
  }

  /// Takes a record in. Throws `overflow`, and `unusableCosts` past the bound.
  mutating func add(_ record: CostRecord, _ rate: AppliedRate?) throws(AccountingError) {
    let invoice = record[.invoice] ?? ""
    if current[invoice] == nil {
      count += 1
      guard count <= invoicesMax else {
        throw .unusableCosts(reason: "the records name more than \(invoicesMax) invoices")
      }
    }
    try current[invoice, default: .init()].add(record, rate)
  }

  /// The sums by source and invoice.
  var all: [String: [String: RatedTally]] { sums.merging([source: current]) { $1 } }

  /// The sums by invoice, converted.
  func converted() throws(AccountingError) -> [String: PooledCosts.Tally] {
    var tallies: [String: PooledCosts.Tally] = [:]
    for invoices in all.values {
      for (invoice, sum) in invoices {
        let tally = try sum.converted()
        let known = tallies[invoice] ?? .init()
        tallies[invoice] = PooledCosts.Tally(
          records: known.records + tally.records, billed: try known.billed.adding(tally.billed),
          effective: try known.effective.adding(tally.effective))
      }
    }
    return tallies
  }
}
