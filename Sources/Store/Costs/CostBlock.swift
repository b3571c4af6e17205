internal import Accounting
internal import Foundation

/// Some hundreds of records of one billing period as one value of the database.
///
/// Layout: for each record its length and its line (LEB128 each), then its bytes (`CostRecordBlob`).
struct CostBlock: Sendable {
  /// A block is stored when it is at least this long.
  static let bytesWanted = 128 * 1024

  /// How many records are in it.
  private(set) var records = 0
  /// The records.
  private(set) var bytes: [UInt8] = []

  /// Adds a record.
  mutating func add(line: Int, _ record: [UInt8]) {
    CostRecordBlob.append(record.count, to: &bytes)
    CostRecordBlob.append(line, to: &bytes)
    bytes += record
    records += 1
  }

  /// Forgets the records and keeps the memory.
  mutating func removeAll() {
    records = 0
    bytes.removeAll(keepingCapacity: true)
  }

  /// Takes each record out of a stored block; throws `malformed` when it was damaged.
  static func forEach(
    _ block: Data, _ body: (_ line: Int, _ record: ArraySlice<UInt8>) throws -> Void
  ) throws {
    let bytes = [UInt8](block)
    var position = 0
    while position < bytes.count {
      let count = try number(bytes, &position)
      let line = try number(bytes, &position)
      guard count <= bytes.count - position else { throw damaged }
      try body(line, bytes[position..<position + count])
      position += count
    }
  }

  private static let damaged = StoreError.malformed(table: "cost_block", reason: "cut off")

  private static func number(_ bytes: [UInt8], _ position: inout Int) throws -> Int {
    var value = 0
    var shift = 0
    while position < bytes.count, shift < 56 {
      let byte = bytes[position]
      position += 1
      value |= Int(byte & 0x7F) << shift
      if byte < 0x80 { return value }
      shift += 7
    }
    throw damaged
  }
}
