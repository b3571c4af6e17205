public import Accounting
public import Digest
internal import Foundation

/// What a close wrote beside the database: how long the ledger was then, its head, and what was
/// issued.
///
/// A store that was restored from an older backup is told by it. Kept where the operator of the
/// ledger cannot write, it also tells a history that was written again with all its anchors.
public struct Seal: Sendable, Equatable {
  /// The format that this program writes. Format 1 had no `issued`.
  static let format: Int64 = 2

  /// The closed period.
  public var period: String
  /// The version of its statements.
  public var version: Int64
  /// Entries in the ledger after the close.
  public var ledgerCount: Int64
  /// The hash of the last of them.
  public var ledgerHash: Digest256
  /// When it was closed, microseconds since 1970 UTC.
  public var closedAtMicroseconds: Int64
  /// What the close issued; nil in a seal of format 1.
  public var issued: SealedContent?

  /// The name of its file.
  public var fileName: String { "\(period)-v\(version).json" }

  /// The file's content.
  public var bytes: [UInt8] { json.canonicalBytes + [0x0A] }

  /// The seal as JSON.
  public var json: JSONValue {
    .object(
      [
        .init("format", .integer(issued == nil ? 1 : Self.format)),
        .init("period", .string(period)), .init("version", .integer(version)),
        .init("ledger_count", .integer(ledgerCount)),
        .init("ledger_hash", .string(ledgerHash.hex)),
        .init("closed_at", .string(UTCInstant(microseconds: closedAtMicroseconds).description)),
      ] + (issued?.members ?? []))
  }

  /// A seal.
  init(
    period: String, version: Int64, ledgerCount: Int64, ledgerHash: Digest256,
    closedAtMicroseconds: Int64, issued: SealedContent? = nil
  ) {
    self.period = period
    self.version = version
    self.ledgerCount = ledgerCount
    self.ledgerHash = ledgerHash
    self.closedAtMicroseconds = closedAtMicroseconds
    self.issued = issued
  }

  /// Reads a seal back; throws `malformed`, or `newerFormat` for a file of a newer Weir.
  public init(bytes: [UInt8], file: String) throws(StoreError) {
    guard let value = try? JSONValue(parsing: bytes), let format = value["format"]?.asInteger else {
      throw .malformed(table: "seal \(file)", reason: "not a seal")
    }
    guard (1...Self.format).contains(format) else {
      throw .newerFormat(path: file, found: Int(format), known: Int(Self.format))
    }
    let issued = format == 1 ? nil : SealedContent(value)
    guard let period = value["period"]?.asString, let version = value["version"]?.asInteger,
      let count = value["ledger_count"]?.asInteger, count >= 0,
      let hash = value["ledger_hash"]?.asString.flatMap({ Digest256(hex: $0) }),
      let closedAt = value["closed_at"]?.asString.flatMap({ try? UTCInstant(parsing: $0) }),
      format == 1 || issued != nil
    else { throw .malformed(table: "seal \(file)", reason: "a field is missing") }
    self.init(
      period: period, version: version, ledgerCount: count, ledgerHash: hash,
      closedAtMicroseconds: closedAt.microseconds, issued: issued)
  }
}

/// What a close issued, by counts, sums and digests.
public struct SealedContent: Sendable, Equatable {
  /// The sums of one currency over the entries of the period and version, by kind of account.
  public struct Totals: Sendable, Equatable {
    /// The currency.
    public var currency: String
    /// Micro-units by kind, in the order of `kinds`.
    public var micros: [Int64]

    /// Names of the kinds.
    public static let kinds = ["cost", "tenants", "unallocated", "kept", "rounding", "fx"]
  }

  /// Entries of the period and version, up to the seal's length of the ledger.
  public var entries: Int64
  /// Their sums, by currency.
  public var totals: [Totals]
  /// How many statements there are.
  public var statements: Int64
  /// The root of the hash tree over them, by tenant as bytes.
  public var statementsRoot: Digest256
  /// SHA-256 of the summary.
  public var summary: Digest256
  /// SHA-256 of the reconciliation.
  public var reconciliation: Digest256

  /// A content.
  init(
    entries: Int64, totals: [Totals], statements: Int64, statementsRoot: Digest256,
    summary: Digest256, reconciliation: Digest256
  ) {
    self.entries = entries
    self.totals = totals
    self.statements = statements
    self.statementsRoot = statementsRoot
    self.summary = summary
    self.reconciliation = reconciliation
  }

  /// Reads the members of a seal; nil when one is missing.
  init?(_ value: JSONValue) {
    func digest(_ key: String) -> Digest256? {
      value[key]?.asString.flatMap { Digest256(hex: $0) }
    }
    guard let entries = value["entries"]?.asInteger, let list = value["totals"]?.asArray,
      let statements = value["statements"]?.asInteger, let root = digest("statements_root"),
      let summary = digest("summary_sha256"), let reconciliation = digest("reconciliation_sha256")
    else { return nil }
    var totals: [Totals] = []
    for item in list {
      let micros = Totals.kinds.compactMap { kind -> Int64? in
        guard let text = item[kind]?.asString, let amount = try? Amount(parsing: text) else {
          return nil
        }
        return try? amount.roundedToMicros()
      }
      guard let currency = item["currency"]?.asString, micros.count == Totals.kinds.count else {
        return nil
      }
      totals.append(Totals(currency: currency, micros: micros))
    }
    self.init(
      entries: entries, totals: totals, statements: statements, statementsRoot: root,
      summary: summary, reconciliation: reconciliation)
  }

  /// The members of the seal's file.
  var members: [JSONValue.Member] {
    let sums = totals.map { total in
      JSONValue.object(
        [.init("currency", .string(total.currency))]
          + zip(Totals.kinds, total.micros).map { kind, micros in
            .init(kind, .string(DecimalText.fixed(Int128(micros), digits: 6)))
          })
    }
    return [
      .init("entries", .integer(entries)), .init("totals", .array(sums)),
      .init("statements", .integer(statements)),
      .init("statements_root", .string(statementsRoot.hex)),
      .init("summary_sha256", .string(summary.hex)),
      .init("reconciliation_sha256", .string(reconciliation.hex)),
    ]
  }
}
