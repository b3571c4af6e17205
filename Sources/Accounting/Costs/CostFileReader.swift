/// Reads a cost file of any known form, piece by piece: bytes in, records and faults out, no I/O.
///
/// Memory is bounded by `CostFileLimits` and the size of the piece. The first byte that is no blank
/// decides between CSV and JSON; the header decides between the CSV forms. The pieces may be cut
/// anywhere.
public struct CostFileReader: Sendable {
  /// The form of the file, known after the header.
  public private(set) var format: CostFormat?
  /// The version of a FOCUS file, known after the header.
  public private(set) var version: FocusVersion?
  /// Counts so far.
  public private(set) var totals = CostFileTotals()

  /// A line of Google's export has about 2 KiB and names the billing account first.
  private static let bytesToTellJSON = 32 * 1024

  private let choice: CostFileChoice
  private let limits: CostFileLimits
  /// What was read before the form was known.
  private var held: [UInt8] = []
  // At most one scanner and one decoder is there; apart, so that each changes in place.
  private var csv: CSVScanner?
  private var lines: JSONLinesScanner?
  private var document: OpenCostReader?
  private var focus: FocusRowDecoder?
  private var mapped: MappedRowDecoder?
  private var control: ControlRowDecoder?

  /// A reader at the start of a file.
  public init(
    _ choice: CostFileChoice = CostFileChoice(), limits: CostFileLimits = CostFileLimits()
  ) {
    self.choice = choice
    self.limits = limits
  }

  /// The form in words: `FOCUS 1.2`, `aws-cur-2`.
  public var formName: String? {
    version.map { "FOCUS \($0.rawValue)" } ?? choice.map.map { "map \($0.name)" }
      ?? format?.rawValue
  }

  /// Reads more bytes and returns what they completed.
  ///
  /// Throws `notFocus`, `focusColumnsMissing` or `unreadableCosts` when the file is of no known form;
  /// the reader is of no use after that.
  public mutating func feed(_ bytes: [UInt8]) throws(AccountingError) -> [CostEvent] {
    var events: [CostEvent] = []
    try read(bytes, isEnd: false, into: &events)
    return events
  }

  /// Ends the file and returns the last row. Throws `unreadableCosts` when there was no header.
  public mutating func finish() throws(AccountingError) -> [CostEvent] {
    var events: [CostEvent] = []
    try read([], isEnd: true, into: &events)
    if format == nil { throw .unreadableCosts(reason: "the file is empty") }
    return events
  }

  private mutating func read(
    _ bytes: [UInt8], isEnd: Bool, into events: inout [CostEvent]
  ) throws(AccountingError) {
    if csv == nil, lines == nil, document == nil {
      held += bytes
      guard try begin(isEnd: isEnd) else { return }
      let first = held
      held = []
      return try read(first, isEnd: isEnd, into: &events)
    }
    if document != nil {
      try document?.append(bytes)
      guard isEnd else { return }
      for outcome in try document?.finish(into: &events) ?? [] { note(outcome, &events) }
      return
    }
    csv?.append(bytes)
    lines?.append(bytes)
    if csv != nil, format == nil || !hasDecoder {
      guard try readHeader(isEnd: isEnd) else { return }
    }
    while let outcome = csv?.next(isEnd: isEnd) ?? lines?.next(isEnd: isEnd) {
      switch outcome {
      case .fault(let line, let reason): note(Self.broken(line, reason), &events)
      case .row: decodeRow(&events)
      }
    }
  }

  private var hasDecoder: Bool { focus != nil || mapped != nil || control != nil }

  private mutating func decodeRow(_ events: inout [CostEvent]) {
    guard let row = csv?.row ?? lines?.row else { return }
    let outcome =
      focus?.decode(row, into: &events) ?? mapped?.decode(row, into: &events)
      ?? control?.decode(row, into: &events)
    if let outcome { note(outcome, &events) }
  }

  private static func broken(_ line: Int, _ reason: String) -> RowOutcome {
    let problem = RowFault.Problem(column: nil, reason: reason, value: nil)
    return .fault(RowFault(line: line, problems: [problem]))
  }

  private mutating func note(_ outcome: RowOutcome, _ events: inout [CostEvent]) {
    totals.rows += 1
    switch outcome {
    case .good(let records, let roundedValues):
      totals.goodRows += 1
      totals.records += records
      totals.roundedValues += roundedValues
    case .skipped: totals.skippedRows += 1
    case .fault(let fault):
      totals.faultyRows += 1
      events.append(.fault(fault))
    }
  }

  /// Decides by the first bytes; false while there are too few.
  private mutating func begin(isEnd: Bool) throws(AccountingError) -> Bool {
    let blanks: [UInt8] = [0x20, 0x09, 0x0a, 0x0d, 0xef, 0xbb, 0xbf]
    guard let first = held.first(where: { !blanks.contains($0) }) else {
      // Bound: a file may begin with so many blanks.
      if isEnd || held.count > 4_096 { throw .unreadableCosts(reason: "the file is empty") }
      return false
    }
    if held.starts(with: Array("PAR1".utf8)) {
      throw .unreadableCosts(reason: "Parquet is not read; export or convert it to CSV")
    }
    let isJSON = first == UInt8(ascii: "{") || first == UInt8(ascii: "[")
    guard let known = choice.format else {
      if isJSON { return try beginJSON(isEnd: isEnd) }
      csv = CSVScanner(limits: limits)
      return true
    }
    switch known {
    case .googleDetailed, .openCost: try begin(known)
    case .mapped where choice.map?.shape == .jsonLines: try begin(.mapped)
    default:
      let delimiter = choice.map?.delimiter ?? UInt8(ascii: ",")
      csv = CSVScanner(limits: limits, delimiter: delimiter)
    }
    return true
  }

  /// Google writes an object a line; OpenCost answers with one object that has `data`, on one line or
  /// on many.
  private mutating func beginJSON(isEnd: Bool) throws(AccountingError) -> Bool {
    guard isEnd || held.count >= Self.bytesToTellJSON else { return false }
    let start = String(decoding: held.prefix(Self.bytesToTellJSON), as: UTF8.self)
    if start.contains("\"billing_account_id\"") {
      try begin(.googleDetailed)
    } else if start.contains("\"data\"") || start.contains("\"code\"") {
      try begin(.openCost)
    } else {
      throw .unreadableCosts(
        reason: "JSON of no known form: neither Google's export nor an OpenCost allocation")
    }
    return true
  }

  /// Begins a form that has no header.
  private mutating func begin(_ known: CostFormat) throws(AccountingError) {
    format = known
    if known == .openCost {
      guard let currency = choice.currency else {
        throw .unreadableCosts(reason: "OpenCost names no currency: give one")
      }
      document = OpenCostReader(currency: currency, limits: limits)
      return
    }
    guard let map = known == .mapped ? choice.map : known.map else {
      preconditionFailure("\(known) has no map")
    }
    let columns = map.columnNames
    let positions = Dictionary(uniqueKeysWithValues: columns.enumerated().map { ($1, $0) })
    lines = JSONLinesScanner(columns: columns, limits: limits)
    mapped = MappedRowDecoder(map: map, positions: positions, columnCount: columns.count)
  }

  /// Makes the decoder that the header asks for; false when the header is not whole yet.
  private mutating func readHeader(isEnd: Bool) throws(AccountingError) -> Bool {
    guard let outcome = csv?.next(isEnd: isEnd) else {
      if isEnd { throw .unreadableCosts(reason: "the file is empty") }
      return false
    }
    if case .fault(_, let reason) = outcome { throw .unreadableCosts(reason: "header: \(reason)") }
    guard let row = csv?.row else { return false }
    let header = try CostHeader(row)
    let found = try header.format(choice)
    switch found {
    case .focus:
      version = try header.focusVersion()
      focus = FocusRowDecoder(positions: header.positions, columnCount: header.count)
    case .focusInvoiceDetail, .focusBillingPeriod:
      control = try ControlRowDecoder(found, header)
    default:
      guard let map = choice.map ?? found.map else { preconditionFailure("\(found) has no map") }
      mapped = MappedRowDecoder(
        map: map, positions: try header.positions(for: map), columnCount: header.count)
    }
    format = found
    return true
  }
}
