/// Cuts JSON Lines into rows: each line is one object, of which the wanted paths become fields.
///
/// A missing path, `null`, and an empty list are empty fields. Lists and objects are fields of JSON text.
struct JSONLinesScanner: Sendable {
  /// The row found last.
  private(set) var row = CostRow()

  private let paths: [[String]]
  private let limits: CostFileLimits
  private var buffer: [UInt8] = []
  private var start = 0
  /// Up to here there is no line end.
  private var searched = 0
  private var line = 0
  private var isSkipping = false

  /// A scanner for these columns; a column is a path with points.
  init(columns: [String], limits: CostFileLimits) {
    paths = columns.map { $0.split(separator: ".").map(String.init) }
    self.limits = limits
  }

  /// Takes more bytes; `next` then finds the rows in them.
  mutating func append(_ bytes: [UInt8]) {
    if start > 0 {
      buffer.removeFirst(start)
      searched -= start
      start = 0
    }
    buffer += bytes
  }

  /// The next row or fault; `nil` when more bytes are needed, or at the end when all are used.
  mutating func next(isEnd: Bool) -> CSVScanner.Outcome? {
    while true {
      guard let end = lineEnd(isEnd: isEnd) else {
        guard buffer.count - start > limits.rowBytesMax else { return nil }
        // Bound: a line without an end is dropped as it comes.
        let isFirst = !isSkipping
        isSkipping = true
        start = buffer.count
        searched = start
        if isFirst { return fault("the line is longer than \(limits.rowBytesMax) bytes") }
        return nil
      }
      let text = Array(buffer[start..<end])
      start = min(end + 1, buffer.count)
      searched = start
      if isSkipping {
        isSkipping = false
        continue
      }
      line += 1
      if text.allSatisfy({ $0 == 0x20 || $0 == 0x0d || $0 == 0x09 }) { continue }
      if text.count > limits.rowBytesMax {
        return .fault(line: line, reason: "the line is longer than \(limits.rowBytesMax) bytes")
      }
      return take(text)
    }
  }

  private mutating func fault(_ reason: String) -> CSVScanner.Outcome {
    line += 1
    return .fault(line: line, reason: reason)
  }

  private mutating func lineEnd(isEnd: Bool) -> Int? {
    if let feed = buffer[searched...].firstIndex(of: UInt8(ascii: "\n")) { return feed }
    searched = buffer.count
    return isEnd && start < buffer.count ? buffer.count : nil
  }

  private mutating func take(_ text: [UInt8]) -> CSVScanner.Outcome {
    let value: JSONValue
    do throws(AccountingError) {
      value = try JSONValue(parsing: text)
    } catch {
      return .fault(line: line, reason: "\(error)")
    }
    guard case .object = value else { return .fault(line: line, reason: "not a JSON object") }
    row.line = line
    row.bytes.removeAll(keepingCapacity: true)
    row.places.removeAll(keepingCapacity: true)
    for path in paths {
      let start = row.bytes.count
      var found: JSONValue? = value
      for step in path { found = found?[step] }
      switch found {
      case .none, .null: break
      case .string(let text), .number(let text): row.bytes += Array(text.utf8)
      case .bool(let isTrue): row.bytes += Array((isTrue ? "true" : "false").utf8)
      case .array(let elements) where elements.isEmpty: break
      case .some(let other): row.bytes += other.canonicalBytes
      }
      row.places.append(
        .init(start: Int32(start), end: Int32(row.bytes.count), isUnescaped: false))
    }
    return .row
  }
}
