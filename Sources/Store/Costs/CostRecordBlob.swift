internal import Accounting
internal import Foundation

/// The stored form of a cost record: the line is the table's key, everything else is in here.
///
/// Layout: version 1, then texts, each with its length (LEB128) in front: four costs, the currency,
/// four instants as decimal microseconds, two optional quantities (empty when absent), two tag
/// objects, then pairs of field name and value. The same record always makes the same bytes, so
/// digests of snapshots are made of them.
enum CostRecordBlob {
  static let version: UInt8 = 1

  /// The record of these bytes; throws `malformed` when they were damaged.
  static func decode(_ bytes: ArraySlice<UInt8>, line: Int) throws(StoreError) -> CostRecord {
    var reader = Reader(bytes: bytes)
    guard reader.bytes.popFirst() == version else {
      throw .malformed(table: "cost_record", reason: "unknown version")
    }
    let billed = try reader.amount()
    let effective = try reader.amount()
    let list = try reader.amount()
    let contracted = try reader.amount()
    let currency = try Stored.currency(try reader.text(), table: "cost_record")
    let billingPeriod = try reader.range()
    let chargePeriod = try reader.range()
    var record = CostRecord(
      line: line, billedCost: billed, effectiveCost: effective, currency: currency,
      billingPeriod: billingPeriod, chargePeriod: chargePeriod)
    record.listCost = list
    record.contractedCost = contracted
    record.pricingQuantity = try reader.optionalAmount()
    record.consumedQuantity = try reader.optionalAmount()
    record.tags = try reader.tags()
    record.allocatedTags = try reader.tags()
    while !reader.bytes.isEmpty {
      let name = try reader.text()
      guard let field = CostField(named: name) else {
        throw .malformed(table: "cost_record", reason: "unknown field \(name)")
      }
      record[field] = try reader.text()
    }
    return record
  }

  /// Appends a text with its length in front.
  static func append(_ text: String, to bytes: inout [UInt8]) {
    append(text.utf8.count, to: &bytes)
    bytes.append(contentsOf: text.utf8)
  }

  /// Appends a number, LEB128.
  static func append(_ number: Int, to bytes: inout [UInt8]) {
    precondition(number >= 0, "lengths and lines are not negative")
    var rest = number
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }

  private struct Reader {
    var bytes: ArraySlice<UInt8>

    mutating func text() throws(StoreError) -> String {
      var count = 0
      var shift = 0
      while let byte = bytes.popFirst(), shift < 35 {
        count |= Int(byte & 0x7F) << shift
        guard byte >= 0x80 else {
          guard count <= bytes.count else { break }
          defer { bytes.removeFirst(count) }
          return String(decoding: bytes.prefix(count), as: UTF8.self)
        }
        shift += 7
      }
      throw .malformed(table: "cost_record", reason: "cut off")
    }

    mutating func amount() throws(StoreError) -> Amount {
      try Stored.amount(try text(), table: "cost_record")
    }

    mutating func optionalAmount() throws(StoreError) -> Amount? {
      let text = try text()
      return text.isEmpty ? nil : try Stored.amount(text, table: "cost_record")
    }

    mutating func range() throws(StoreError) -> Range<UTCInstant> {
      guard let from = Int64(try text()), let to = Int64(try text()), from <= to else {
        throw .malformed(table: "cost_record", reason: "a time is not a number")
      }
      return UTCInstant(microseconds: from)..<UTCInstant(microseconds: to)
    }

    mutating func tags() throws(StoreError) -> [String: String] {
      let text = try text()
      guard !text.isEmpty else { return [:] }
      do {
        return try TagText.parse(text)
      } catch {
        throw .malformed(table: "cost_record", reason: "\(error)")
      }
    }
  }
}
