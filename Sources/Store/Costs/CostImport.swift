public import Accounting
public import Digest

/// Sums of one billing period and currency in one import.
public struct CostTotal: Sendable, Equatable {
  /// The billing period.
  public var period: Period
  /// The currency of the sums.
  public var currency: Currency
  /// Records in it.
  public var records: Int
  /// Sum of `BilledCost`.
  public var billed: Amount
  /// Sum of `EffectiveCost`.
  public var effective: Amount
}

/// What an import brought for one billing period.
public struct CostSnapshot: Sendable, Equatable {
  /// Whether the snapshot is what its period counts.
  public enum State: String, Sendable {
    /// It counts.
    case current
    /// A later import of the same source and period took its place.
    case superseded
    /// It had the same records as what was current, and was not stored again.
    case unchanged
  }

  /// The import.
  public var importID: Int64
  /// The source it was imported under.
  public var source: String
  /// The billing period.
  public var period: Period
  /// Over all its records in order.
  public var digest: Digest256
  /// How many records it has.
  public var records: Int
  /// Whether it counts.
  public var state: State
  /// The import whose place it took when it came.
  public var replaces: Int64?
  /// Whether its period was closed when it came: the close does not count it.
  public var isLate = false
}

/// One imported cost file.
public struct CostImport: Sendable, Equatable {
  /// Its number.
  public var id: Int64
  /// The source it was imported under; a later import of the source replaces its periods.
  public var source: String
  /// SHA-256 of the file, after decompression.
  public var digest: Digest256
  /// Whether it brought nothing new.
  public var isUnchanged: Bool
  /// The form of the file.
  public var form: CostFormat
  /// The FOCUS version that its header told; nil for other forms.
  public var version: String?
  /// The operator's map through which it was read.
  public var map: Digest256?
  /// Its size after decompression.
  public var bytes: Int
  /// Rows that became records or control totals.
  public var goodRows: Int
  /// Records made of them.
  public var records: Int
  /// Rows whose money other rows carry.
  public var skippedRows: Int
  /// Rows in quarantine.
  public var faultyRows: Int
  /// Costs with more digits than an amount holds.
  public var roundedValues: Int
  /// When it was imported.
  public var receivedAt: UTCInstant
  /// By whom.
  public var actor: String
  /// One for each billing period.
  public var snapshots: [CostSnapshot]
  /// One for each billing period and currency.
  public var totals: [CostTotal]
}

/// What is known of a file when its last byte was read.
public struct CostFileFacts: Sendable {
  /// SHA-256 of the file, after decompression.
  public var digest: Digest256
  /// Its size after decompression.
  public var bytes: Int
  /// The form of the file.
  public var form: CostFormat
  /// The FOCUS version that its header told; nil for other forms.
  public var version: FocusVersion?
  /// The operator's map through which it was read.
  public var map: Digest256?
  /// Counts over its rows.
  public var totals: CostFileTotals

  /// Facts of a file.
  public init(
    digest: Digest256, bytes: Int, form: CostFormat, version: FocusVersion?, map: Digest256? = nil,
    totals: CostFileTotals
  ) {
    self.digest = digest
    self.bytes = bytes
    self.form = form
    self.version = version
    self.map = map
    self.totals = totals
  }
}

/// One problem of one row in quarantine.
public struct QuarantinedRow: Sendable, Equatable {
  /// The file, when the import had several.
  public var file: String?
  /// The line on which the row begins; the header is line 1.
  public var line: Int
  /// The column, or nil when the row as a whole is broken.
  public var column: String?
  /// What is wrong.
  public var reason: String
  /// The text that was found, cut short.
  public var value: String?
}
