internal import Accounting
internal import Foundation

/// The stored form of a cost record: the line is the table's key, everything else is in here.
///
/// Layout: version 1, then texts, each with its length (LEB128) in front: four costs, the currency,
/// four instants as decimal microseconds, two optional quantities (empty when absent), two tag
/// objects, then pairs of field name and value. The same record always makes the same bytes, so
/// digests of snapshots are made of them.
enum CostRecordBlob {
  private static let version: UInt8 = 1

  /// The bytes of a record.
  static func encode(_ record: CostRecord) -> [UInt8] {
    var bytes: [UInt8] = [version]
    bytes.reserveCapacity(512)
    let costs = [
      record.billedCost, record.effectiveCost, record.listCost, record.contractedCost,
    ]
    for cost in costs { append(cost.description, to: &bytes) }
    append(record.currency.code, to: &bytes)
    let instants = [
      record.billingPeriodStart, record.billingPeriodEnd, record.chargePeriodStart,
      record.chargePeriodEnd,
    ]
    for instant in instants { append(String(instant.microseconds), to: &bytes) }
    append(record.pricingQuantity?.description ?? "", to: &bytes)
    append(record.consumedQuantity?.description ?? "", to: &bytes)
    append(record.tags.isEmpty ? "" : TagText.format(record.tags), to: &bytes)
    append(record.allocatedTags.isEmpty ? "" : TagText.format(record.allocatedTags), to: &bytes)
    for field in CostField.allCases {
      guard let text = record[field] else { continue }
      append(field.rawValue, to: &bytes)
      append(text, to: &bytes)
    }
    return bytes
  }

  /// The record of these bytes; throws `malformed` when they were damaged.
  static func decode(_ data: Data, line: Int) throws(StoreError) -> CostRecord {
    var reader = Reader(bytes: [UInt8](data)[...])
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
      guard let field = CostField(rawValue: name) else {
        throw .malformed(table: "cost_record", reason: "unknown field \(name)")
      }
      record[field] = try reader.text()
    }
    return record
  }

  private static func append(_ text: String, to bytes: inout [UInt8]) {
    var rest = text.utf8.count
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
    bytes.append(contentsOf: text.utf8)
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
