/// Cuts CSV bytes into rows (RFC 4180), resuming anywhere, and finds its way back after a broken row.
///
///     field start ──"──▶ quoted ──"──▶ after quote ──,──▶ field start
///          │ other                        │ "" is one quote, back to quoted
///          ▼                              ▼ LF or CRLF: row ends; anything else: fault
///       unquoted ──,──▶ field start;  LF or CRLF: row ends;  a quote or a bare CR: fault
///
/// A row is scanned when all of it is there. After a fault the scanner goes on at the line after the
/// one where the broken row began. So an opening quote that is never closed costs one row and not the
/// rest of the file. The row that `next` found is in `row` until `next` is called again.
struct CSVScanner {
  /// What the scanner found.
  enum Outcome {
    /// A row, which is in `row`.
    case row
    /// A row that cannot be cut into fields.
    case fault(line: Int, reason: String)
  }

  /// Why scanning a row stopped.
  private enum Stop {
    /// The row is whole; the next one begins here.
    case complete(next: Int)
    /// Its end is not there yet.
    case incomplete
    /// It is broken.
    case broken(String)
  }

  /// The row found last.
  private(set) var row = CostRow()

  private let limits: CostFileLimits
  private let delimiter: UInt8
  private var rowStart = 0
  private var line = 1
  private var linesInRow = 0
  /// Bound: an unfinished row is scanned again only when it grew by a quarter.
  private var bytesWanted = 0
  private var isSkipping = false
  private var isPastMark = false

  /// A scanner at the start of a file.
  init(limits: CostFileLimits, delimiter: UInt8 = UInt8(ascii: ",")) {
    self.limits = limits
    self.delimiter = delimiter
  }

  /// Takes more bytes; `next` then finds the rows in them.
  mutating func append(_ bytes: [UInt8]) {
    if rowStart > 0 {
      row.bytes.removeFirst(rowStart)
      bytesWanted -= rowStart
      rowStart = 0
    }
    row.bytes.append(contentsOf: bytes)
  }

  /// The next row or fault; `nil` when more bytes are needed, or at the end when all are used.
  mutating func next(isEnd: Bool) -> Outcome? {
    guard skipByteOrderMark(isEnd: isEnd) else { return nil }
    while true {
      if isSkipping, !skipLine(from: rowStart) { return nil }
      guard rowStart < row.bytes.count, isEnd || row.bytes.count >= bytesWanted else { return nil }
      row.places.removeAll(keepingCapacity: true)
      row.scratch.removeAll(keepingCapacity: true)
      row.line = line
      linesInRow = 0
      switch scan(isEnd: isEnd) {
      case .complete(let next):
        let isBlank =
          row.count == 1 && row.places[0].start == row.places[0].end
          && next - rowStart <= 2 && row.bytes[rowStart] != UInt8(ascii: "\"")
        line += linesInRow
        rowStart = next
        if !isBlank { return .row }
      case .incomplete:
        let pending = row.bytes.count - rowStart
        if pending > limits.rowBytesMax { return giveUp(rowTooLong) }
        bytesWanted = row.bytes.count + pending / 4 + 1
        return nil
      case .broken(let reason): return giveUp(reason)
      }
    }
  }

  private var rowTooLong: String { "the row is longer than \(limits.rowBytesMax) bytes" }
  private var fieldTooLong: String { "a field is longer than \(limits.fieldBytesMax) bytes" }

  /// Cuts the row at `rowStart` into fields.
  private mutating func scan(isEnd: Bool) -> Stop {
    let bytes = row.bytes
    var position = rowStart
    while true {
      let isQuoted = position < bytes.count && bytes[position] == UInt8(ascii: "\"")
      let stop: FieldStop
      if isQuoted {
        stop = quotedField(bytes, &position, isEnd: isEnd)
      } else {
        stop = plainField(bytes, &position, isEnd: isEnd)
      }
      if position - rowStart > limits.rowBytesMax { return .broken(rowTooLong) }
      switch stop {
      case .delimiter:
        guard row.count <= limits.columnsMax else {
          return .broken("the row has more than \(limits.columnsMax) columns")
        }
      case .rowEnd: return .complete(next: position)
      case .incomplete: return .incomplete
      case .broken(let reason): return .broken(reason)
      }
    }
  }

  private enum FieldStop {
    case delimiter
    case rowEnd
    case incomplete
    case broken(String)
  }

  /// A field without quotes; `position` ends after what ended it.
  private mutating func plainField(
    _ bytes: [UInt8], _ position: inout Int, isEnd: Bool
  ) -> FieldStop {
    let start = position
    let all = bytes.span
    let count = all.count
    let at = Self.stop(all, position, delimiter)
    position = at
    guard at - start <= limits.fieldBytesMax else { return .broken(fieldTooLong) }
    if at == count, !isEnd { return .incomplete }
    if at < count, all[at] == UInt8(ascii: "\"") {
      return .broken("a quote inside an unquoted field")
    }
    row.places.append(.init(start: Int32(start), end: Int32(at), isUnescaped: false))
    return end(bytes, &position, isEnd: isEnd)
  }

  /// The place of the first byte from `start` on that ends a plain field or does not belong in one; the
  /// count when there is none. Eight bytes at a time.
  static func stop(_ bytes: Span<UInt8>, _ start: Int, _ delimiter: UInt8) -> Int {
    let ones: UInt64 = 0x0101_0101_0101_0101
    let ends = ones &* UInt64(delimiter)
    var at = start
    while at + 8 <= bytes.count {
      let word = CostBytes.word(bytes, at: at)
      // Of each byte the highest bit, set where the byte is one of the four; the lowest is always right.
      var found: UInt64 = 0
      found |= Self.zeros(word ^ ends) | Self.zeros(word ^ ones &* 0x0a)
      found |= Self.zeros(word ^ ones &* 0x0d) | Self.zeros(word ^ ones &* 0x22)
      if found != 0 { return at + found.trailingZeroBitCount / 8 }
      at += 8
    }
    while at < bytes.count {
      let byte = bytes[at]
      if byte == delimiter || byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r")
        || byte == UInt8(ascii: "\"")
      {
        break
      }
      at += 1
    }
    return at
  }

  /// The highest bit of each byte that is zero; above the first such byte other bits may be set too.
  @inline(__always)
  private static func zeros(_ word: UInt64) -> UInt64 {
    (word &- 0x0101_0101_0101_0101) & ~word & 0x8080_8080_8080_8080
  }

  /// A field in quotes; `position` ends after what ended it.
  private mutating func quotedField(
    _ bytes: [UInt8], _ position: inout Int, isEnd: Bool
  ) -> FieldStop {
    let start = position + 1
    let all = bytes.span
    let count = all.count
    var at = start
    var copied = start
    var isUnescaped = false
    let scratchStart = row.scratch.count
    while true {
      while at < count, all[at] != UInt8(ascii: "\"") {
        if all[at] == UInt8(ascii: "\n") { linesInRow += 1 }
        at += 1
      }
      position = min(at, count)
      guard at - start <= limits.fieldBytesMax else { return .broken(fieldTooLong) }
      if at == count { return isEnd ? .broken("a quoted field has no end") : .incomplete }
      if at + 1 == count, !isEnd { return .incomplete }
      guard at + 1 < count, all[at + 1] == UInt8(ascii: "\"") else { break }
      isUnescaped = true
      row.scratch.append(contentsOf: bytes[copied...at])
      copied = at + 2
      at += 2
    }
    if isUnescaped {
      row.scratch.append(contentsOf: bytes[copied..<at])
      row.places.append(
        .init(start: Int32(scratchStart), end: Int32(row.scratch.count), isUnescaped: true))
    } else {
      row.places.append(.init(start: Int32(start), end: Int32(at), isUnescaped: false))
    }
    position = at + 1
    return end(bytes, &position, isEnd: isEnd)
  }

  /// What follows a field.
  private mutating func end(
    _ bytes: [UInt8], _ position: inout Int, isEnd: Bool
  ) -> FieldStop {
    guard position < bytes.count else { return .rowEnd }
    switch bytes[position] {
    case delimiter:
      position += 1
      return .delimiter
    case UInt8(ascii: "\n"):
      position += 1
      linesInRow += 1
      return .rowEnd
    case UInt8(ascii: "\r"):
      position += 1
      guard position < bytes.count else { return isEnd ? .rowEnd : .incomplete }
      guard bytes[position] == UInt8(ascii: "\n") else {
        return .broken("a carriage return without a line feed")
      }
      position += 1
      linesInRow += 1
      return .rowEnd
    default: return .broken("text after a closing quote")
    }
  }

  /// Gives the row up and goes on after its first line.
  private mutating func giveUp(_ reason: String) -> Outcome {
    let fault = Outcome.fault(line: line, reason: reason)
    isSkipping = true
    _ = skipLine(from: rowStart)
    bytesWanted = 0
    return fault
  }

  /// Drops everything up to the end of a line; false when that is not there yet.
  private mutating func skipLine(from start: Int) -> Bool {
    guard let feed = row.bytes[start...].firstIndex(of: UInt8(ascii: "\n")) else {
      rowStart = row.bytes.count
      return false
    }
    rowStart = feed + 1
    line += 1
    isSkipping = false
    bytesWanted = 0
    return true
  }

  /// Skips the UTF-8 byte order mark at the start of the file; false while more bytes are needed.
  private mutating func skipByteOrderMark(isEnd: Bool) -> Bool {
    guard !isPastMark else { return true }
    let mark: [UInt8] = [0xef, 0xbb, 0xbf]
    if !isEnd, row.bytes.count < mark.count, mark.starts(with: row.bytes) { return false }
    if row.bytes.starts(with: mark) { rowStart = mark.count }
    isPastMark = true
    return true
  }
}
