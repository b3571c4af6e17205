internal import Accounting
internal import Digest
internal import Store

/// Rates as CSV: `date,from,to,rate`, and `source` and `invoice` if wanted.
///
/// A rate is what one unit of `from` is worth in units of `to`. A row with an invoice is the rate of
/// that invoice only. Every fault is named with its line; a file with a fault is refused whole.
enum RateDocument {
  /// Faults that are told; the rest of a file that is no file of rates would say nothing new.
  private static let faultsMax = 100

  /// The rates in a file; throws `ratesInvalid` with the faults.
  static func file(_ bytes: [UInt8], source: String) throws(APIError) -> RateFile {
    let table = CSVTable(
      bytes, required: ["date", "from", "to", "rate"], optional: ["source", "invoice"])
    var faults = table.faults
    var rates: [(line: Int, entry: RateEntry)] = []
    var seen: Set<String> = []
    for row in table.rows {
      switch entry(row, source: source) {
      case .failure(let fault): faults.append("line \(row.line): \(fault.reason)")
      case .success(let entry):
        let key = "\(row["date"]) \(entry.from) \(entry.to) \(entry.invoice ?? "")"
        if seen.insert(key).inserted {
          rates.append((row.line, entry))
        } else {
          faults.append("line \(row.line): stands twice: \(key)")
        }
      }
    }
    if faults.isEmpty, rates.isEmpty { faults.append("the file has no rates") }
    guard faults.isEmpty else { throw .ratesInvalid(faults: Array(faults.prefix(faultsMax))) }
    return RateFile(digest: SHA256.hash(bytes), source: source, rates: rates)
  }

  private struct RowFault: Error {
    let reason: String
  }

  private static func entry(
    _ row: CSVTable.Row, source: String
  ) -> Result<RateEntry, RowFault> {
    func fault(_ reason: String) -> Result<RateEntry, RowFault> {
      .failure(RowFault(reason: reason))
    }
    guard row["date"].utf8.count == 10, let day = try? UTCInstant(parsing: row["date"]) else {
      return fault("date: not a day such as 2026-10-31: \"\(row["date"].prefix(40))\"")
    }
    guard let from = Currency(code: row["from"]) else {
      return fault("from: not an ISO 4217 currency: \"\(row["from"].prefix(40))\"")
    }
    guard let to = Currency(code: row["to"]) else {
      return fault("to: not an ISO 4217 currency: \"\(row["to"].prefix(40))\"")
    }
    guard from != to else { return fault("from and to are the same") }
    guard let parsed = try? DecimalText.amount(row["rate"]), !parsed.lostDigits,
      parsed.amount > .zero
    else {
      return fault(
        "rate: not a decimal above 0 with at most 18 fraction digits: "
          + "\"\(row["rate"].prefix(40))\"")
    }
    let name = row["source"].isEmpty ? source : row["source"]
    guard name.utf8.count <= 64, row["invoice"].utf8.count <= 256 else {
      return fault("source has at most 64 bytes, invoice 256")
    }
    let entry = try? RateEntry(
      day: day, from: from, to: to, rate: parsed.amount, source: name,
      invoice: row["invoice"].isEmpty ? nil : row["invoice"])
    return entry.map { .success($0) } ?? fault("rate: not above 0")
  }

  /// A stored rate as JSON.
  static func json(_ rate: StoredRate) -> JSONValue {
    .object([
      .init("date", .string(String(rate.entry.day.description.prefix(10)))),
      .init("from", .string(rate.entry.from.code)), .init("to", .string(rate.entry.to.code)),
      .init("rate", .string(rate.entry.rate.description)),
      .init("source", .string(rate.entry.source)), .init("invoice", .text(rate.entry.invoice)),
      .init("file_sha256", .string(rate.digest.hex)),
      .init("received_at", .string(rate.receivedAt.description)),
    ])
  }
}
