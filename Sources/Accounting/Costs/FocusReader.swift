/// One thing that a cost file told the reader.
public enum FocusEvent: Hashable, Sendable {
  /// A row that passed every check.
  case record(CostRecord)
  /// A row that did not.
  case fault(RowFault)
}

/// Counts over a whole file.
public struct FocusTotals: Hashable, Sendable {
  /// Rows after the header. Always `records + faultyRows`.
  public var rows = 0
  /// Rows that became records.
  public var records = 0
  /// Rows that were refused.
  public var faultyRows = 0
  /// Costs with more than 18 fraction digits; each was rounded by at most half of 10^-18.
  public var roundedValues = 0

  /// Nothing read.
  public init() {}
}

/// Reads a FOCUS cost and usage CSV, piece by piece: bytes in, records and faults out, no I/O.
///
/// Memory is bounded by `FocusLimits` and the size of the piece. The first row is the header; it
/// decides the version. The pieces may be cut anywhere.
public struct FocusReader: Sendable {
  /// The version of the file, known after the header.
  public private(set) var version: FocusVersion?
  /// Counts so far.
  public private(set) var totals = FocusTotals()

  private var scanner: CSVScanner
  private var decoder: FocusRowDecoder?

  /// A reader at the start of a file.
  public init(limits: FocusLimits = FocusLimits()) {
    scanner = CSVScanner(limits: limits)
  }

  /// Reads more bytes and returns what they completed.
  ///
  /// Throws `notFocus` or `focusColumnsMissing` when the header does not fit; the reader is of no
  /// use after that.
  public mutating func feed(_ bytes: [UInt8]) throws(AccountingError) -> [FocusEvent] {
    try feed(bytes.span)
  }

  /// Reads more bytes that are lent, and returns what they completed.
  public mutating func feed(_ bytes: Span<UInt8>) throws(AccountingError) -> [FocusEvent] {
    scanner.append(bytes)
    return try drain(isEnd: false)
  }

  /// Ends the file and returns the last row. Throws `notFocus` when there was no header.
  public mutating func finish() throws(AccountingError) -> [FocusEvent] {
    let events = try drain(isEnd: true)
    guard decoder != nil else { throw .notFocus(reason: "the file is empty") }
    return events
  }

  private mutating func drain(isEnd: Bool) throws(AccountingError) -> [FocusEvent] {
    var events: [FocusEvent] = []
    while let outcome = scanner.next(isEnd: isEnd) {
      guard let decoder else {
        try readHeader(outcome)
        continue
      }
      totals.rows += 1
      switch outcome {
      case .fault(let line, let reason):
        let problem = RowFault.Problem(column: nil, reason: reason, value: nil)
        events.append(.fault(RowFault(line: line, problems: [problem])))
        totals.faultyRows += 1
      case .row(let row):
        events.append(decode(row, with: decoder))
      }
    }
    return events
  }

  private mutating func decode(_ row: CSVScanner.Row, with decoder: FocusRowDecoder) -> FocusEvent {
    var decoding = FocusRowDecoder.Decoding(row: row)
    if let record = decoder.record(&decoding) {
      totals.records += 1
      totals.roundedValues += decoding.roundedValues
      return .record(record)
    }
    totals.faultyRows += 1
    return .fault(RowFault(line: row.line, problems: decoding.problems))
  }

  private mutating func readHeader(_ outcome: CSVScanner.Outcome) throws(AccountingError) {
    guard case .row(let row) = outcome else {
      if case .fault(_, let reason) = outcome { throw .notFocus(reason: "header: \(reason)") }
      return
    }
    var positions: [String: Int] = [:]
    for index in row.ends.indices {
      guard let name = String(validating: row.field(index), as: UTF8.self) else {
        throw .notFocus(reason: "the name of column \(index + 1) is not UTF-8")
      }
      guard positions.updateValue(index, forKey: name) == nil else {
        throw .notFocus(reason: "column \"\(name.prefix(80))\" stands twice in the header")
      }
    }
    let names = Set(positions.keys)
    guard let found = FocusVersion.detect(names) else {
      let missing = (FocusVersion.common + ["ServiceProviderName or ProviderName"])
        .filter { !names.contains($0) }
      throw .notFocus(reason: "missing columns: \(missing.joined(separator: ", "))")
    }
    let missing = found.mandatoryColumns.filter { !names.contains($0) }
    guard missing.isEmpty else {
      throw .focusColumnsMissing(version: found.rawValue, columns: missing)
    }
    version = found
    decoder = FocusRowDecoder(positions: positions, columnCount: row.ends.count)
  }
}
