internal import Accounting

/// Makes the bytes of records (`CostRecordBlob`), remembering what neighbours have in common.
struct CostRecordEncoder: Sendable {
  private var bytes: [UInt8] = []
  private var tags: [String: String] = [:]
  /// The tags of the record as it was encoded last; empty for none.
  private(set) var tagText = ""
  private var allocatedTags: [String: String] = [:]
  /// Likewise its consumer's tags.
  private(set) var allocatedTagText = ""
  private var lastAmount: (amount: Amount, text: [UInt8]) = (.zero, [1, UInt8(ascii: "0")])

  /// The name of each field with its length in front.
  private static let names: [(field: CostField, name: [UInt8])] = CostField.allCases.map { field in
    var bytes: [UInt8] = []
    CostRecordBlob.append(field.name, to: &bytes)
    return (field, bytes)
  }

  /// The bytes of a record.
  mutating func encode(_ record: CostRecord) -> [UInt8] {
    bytes.removeAll(keepingCapacity: true)
    bytes.append(CostRecordBlob.version)
    append(record.billedCost)
    append(record.effectiveCost)
    append(record.listCost)
    append(record.contractedCost)
    CostRecordBlob.append(record.currency.code, to: &bytes)
    append(record.billingPeriodStart)
    append(record.billingPeriodEnd)
    append(record.chargePeriodStart)
    append(record.chargePeriodEnd)
    append(record.pricingQuantity)
    append(record.consumedQuantity)
    if !SameBytes.tags(record.tags, tags) {
      tags = record.tags
      tagText = tags.isEmpty ? "" : TagText.format(tags)
    }
    CostRecordBlob.append(tagText, to: &bytes)
    if !SameBytes.tags(record.allocatedTags, allocatedTags) {
      allocatedTags = record.allocatedTags
      allocatedTagText = allocatedTags.isEmpty ? "" : TagText.format(allocatedTags)
    }
    CostRecordBlob.append(allocatedTagText, to: &bytes)
    for (field, name) in Self.names {
      guard let text = record[field] else { continue }
      bytes += name
      CostRecordBlob.append(text, to: &bytes)
    }
    return bytes
  }

  private mutating func append(_ amount: Amount?) {
    guard let amount else { return bytes.append(0) }
    // Costs of a record are often the same.
    if amount == lastAmount.amount {
      bytes += lastAmount.text
      return
    }
    let place = bytes.count
    appendShort { DecimalText.append(amount, to: &$0) }
    lastAmount = (amount, Array(bytes[place...]))
  }

  private mutating func append(_ instant: UTCInstant) {
    appendShort { DecimalText.append(instant.microseconds, to: &$0) }
  }

  /// Appends a text of less than 128 bytes with its length in front.
  private mutating func appendShort(_ write: (inout [UInt8]) -> Void) {
    let place = bytes.count
    bytes.append(0)
    write(&bytes)
    let count = bytes.count - place - 1
    precondition(count < 0x80, "a number is shorter than 128 digits")
    bytes[place] = UInt8(count)
  }
}
