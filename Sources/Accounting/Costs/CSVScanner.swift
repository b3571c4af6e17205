/// Cuts CSV bytes into rows (RFC 4180), resuming anywhere, and finds its way back after a broken row.
///
///     field start ──"──▶ quoted ──"──▶ after quote ──,──▶ field start
///          │ other                        │ "" is one quote, back to quoted
///          ▼                              ▼ LF or CRLF: row ends; anything else: fault
///       unquoted ──,──▶ field start;  LF or CRLF: row ends;  a quote or a bare CR: fault
///
/// After a fault the scanner goes on at the line after the one where the broken row began. So an
/// opening quote that is never closed costs one row and not the rest of the file.
struct CSVScanner {
  /// One row: its fields as slices of one run of bytes.
  struct Row {
    /// The line on which the row begins, from 1.
    var line: Int
    /// The contents of all fields, without quotes.
    var content: [UInt8]
    /// Where each field ends in `content`.
    var ends: [Int]

    /// The bytes of a field.
    func field(_ index: Int) -> ArraySlice<UInt8> {
      content[(index == 0 ? 0 : ends[index - 1])..<ends[index]]
    }
  }

  /// What the scanner found.
  enum Outcome {
    case row(Row)
    case fault(line: Int, reason: String)
  }

  private enum State {
    case fieldStart
    case unquoted
    case quoted
    case afterQuote
    case carriageReturn
    /// Inside a row that was given up and has no end yet.
    case skipping
  }

  private let limits: FocusLimits
  private var buffer: [UInt8] = []
  private var position = 0
  private var rowStart = 0
  private var line = 1
  private var linesInRow = 0
  private var state = State.fieldStart
  private var row = Row(line: 1, content: [], ends: [])
  private var isPastMark = false

  init(limits: FocusLimits) {
    self.limits = limits
  }

  /// Takes more bytes; `next` then finds the rows in them.
  mutating func append(_ bytes: Span<UInt8>) {
    if rowStart > 0 {
      buffer.removeFirst(rowStart)
      position -= rowStart
      rowStart = 0
    }
    for index in bytes.indices { buffer.append(bytes[index]) }
  }

  /// The next row or fault; `nil` when more bytes are needed, or at the end when all are used.
  mutating func next(isEnd: Bool) -> Outcome? {
    guard skipByteOrderMark(isEnd: isEnd) else { return nil }
    while position < buffer.count {
      let byte = buffer[position]
      position += 1
      if byte == UInt8(ascii: "\n") { linesInRow += 1 }
      if let outcome = step(byte) { return outcome }
    }
    return isEnd ? atEnd() : nil
  }

  private mutating func step(_ byte: UInt8) -> Outcome? {
    switch (state, byte) {
    case (.skipping, UInt8(ascii: "\n")): startRow()
    case (.skipping, _): rowStart = position
    case (.fieldStart, UInt8(ascii: "\"")): state = .quoted
    case (.fieldStart, UInt8(ascii: ",")), (.unquoted, UInt8(ascii: ",")),
      (.afterQuote, UInt8(ascii: ",")):
      return endField()
    case (.fieldStart, UInt8(ascii: "\n")), (.unquoted, UInt8(ascii: "\n")),
      (.afterQuote, UInt8(ascii: "\n")), (.carriageReturn, UInt8(ascii: "\n")):
      return endRow()
    case (.fieldStart, UInt8(ascii: "\r")), (.unquoted, UInt8(ascii: "\r")),
      (.afterQuote, UInt8(ascii: "\r")):
      state = .carriageReturn
    case (.fieldStart, _):
      state = .unquoted
      return add(byte)
    case (.unquoted, UInt8(ascii: "\"")): return fail("a quote inside an unquoted field")
    case (.unquoted, _): return add(byte)
    case (.quoted, UInt8(ascii: "\"")): state = .afterQuote
    case (.quoted, _): return add(byte)
    case (.afterQuote, UInt8(ascii: "\"")):
      state = .quoted
      return add(byte)
    case (.afterQuote, _): return fail("text after a closing quote")
    case (.carriageReturn, _): return fail("a carriage return without a line feed")
    }
    return nil
  }

  private mutating func add(_ byte: UInt8) -> Outcome? {
    row.content.append(byte)
    if row.content.count - (row.ends.last ?? 0) > limits.fieldBytesMax {
      return fail("a field is longer than \(limits.fieldBytesMax) bytes")
    }
    if position - rowStart > limits.rowBytesMax {
      return fail("the row is longer than \(limits.rowBytesMax) bytes")
    }
    return nil
  }

  private mutating func endField() -> Outcome? {
    row.ends.append(row.content.count)
    state = .fieldStart
    return row.ends.count > limits.columnsMax
      ? fail("the row has more than \(limits.columnsMax) columns") : nil
  }

  private mutating func endRow() -> Outcome? {
    let isBlank = row.ends.isEmpty && row.content.isEmpty && position - rowStart <= 2
    row.ends.append(row.content.count)
    let done = row
    startRow()
    return isBlank ? nil : .row(done)
  }

  /// The next row begins at `position`.
  private mutating func startRow() {
    line += linesInRow
    linesInRow = 0
    rowStart = position
    state = .fieldStart
    row.line = line
    row.content.removeAll(keepingCapacity: true)
    row.ends.removeAll(keepingCapacity: true)
  }

  /// Gives the row up and goes on after its first line.
  private mutating func fail(_ reason: String) -> Outcome {
    let fault = Outcome.fault(line: line, reason: reason)
    if let feed = buffer[rowStart..<position].firstIndex(of: UInt8(ascii: "\n")) {
      position = feed + 1
      linesInRow = 1
      startRow()
    } else {
      state = .skipping
      rowStart = position
    }
    return fault
  }

  private mutating func atEnd() -> Outcome? {
    switch state {
    case .quoted:
      let fault = fail("a quoted field has no end")
      return fault
    case .carriageReturn, .unquoted, .afterQuote:
      return endRow()
    case .fieldStart where !row.ends.isEmpty:
      return endRow()
    case .fieldStart, .skipping:
      return nil
    }
  }

  /// Skips the UTF-8 byte order mark at the start of the file; false while more bytes are needed.
  private mutating func skipByteOrderMark(isEnd: Bool) -> Bool {
    guard !isPastMark else { return true }
    let mark: [UInt8] = [0xef, 0xbb, 0xbf]
    if !isEnd, buffer.count < mark.count, mark.starts(with: buffer) { return false }
    if buffer.starts(with: mark) {
      position = mark.count
      rowStart = mark.count
    }
    isPastMark = true
    return true
  }
}
