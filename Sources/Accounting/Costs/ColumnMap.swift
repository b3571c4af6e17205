/// How the columns of a source become cost records: a table, so that a new source is data and not code.
///
/// Where a rule lists several columns, the first one that is in the file and not empty is taken.
public struct ColumnMap: Hashable, Sendable {
  /// What the rows look like.
  public enum Shape: Hashable, Sendable {
    /// CSV with a header.
    case csv
    /// One JSON object a line; a column is a path such as `project.id`.
    case jsonLines
  }

  /// Columns of which the first that has a value counts.
  public typealias Columns = [String]

  /// A sum of columns; a column without a value counts as 0 unless all are without.
  public struct Money: Hashable, Sendable {
    /// One term of the sum.
    public struct Term: Hashable, Sendable {
      /// Where it stands.
      public var columns: Columns
      /// Whether it is taken off.
      public var isSubtracted = false
    }

    /// The terms.
    public var terms: [Term]

    /// The sum of these columns, each with its alternatives.
    public init(_ columns: Columns...) { terms = columns.map { Term(columns: $0) } }

    /// The difference of two.
    public init(_ first: Columns, minus second: Columns) {
      terms = [Term(columns: first), Term(columns: second, isSubtracted: true)]
    }

    /// Nothing, whatever the row says.
    public static let zero = Money()
  }

  /// Where a time range stands.
  public enum TimeRange: Hashable, Sendable {
    /// Its start and its end, exclusive.
    case columns(start: Columns, end: Columns)
    /// The month of a `YYYYMM`, `YYYY-MM` or a date.
    case month(Columns)
    /// The day of a date.
    case day(Columns)
  }

  /// How dates with slashes are meant.
  public enum SlashDates: String, Hashable, Sendable {
    /// `10/31/2026`.
    case monthFirst = "month-first"
    /// `31/10/2026`.
    case dayFirst = "day-first"
  }

  /// How tags are written.
  public enum TagFormat: String, CaseIterable, Hashable, Sendable {
    /// A flat JSON object, with or without its outer braces.
    case json
    /// A JSON list of objects with `key` and `value`.
    case keyValueList = "key-value-list"
    /// `key=value` or `key:value`, separated by `;` or `,`.
    case pairs
  }

  /// A column of tags.
  public struct Tags: Hashable, Sendable {
    /// Where they stand.
    public var columns: Columns
    /// How they are written.
    public var format: TagFormat
  }

  /// What a kind of row is.
  public struct Treatment: Hashable, Sendable {
    /// `Usage`, `Purchase`, `Tax`, `Credit` or `Adjustment`.
    public var category: String
    /// `Correction`, or nothing.
    public var chargeClass: String?
    /// What is billed, when it differs from the map's.
    public var billed: Money?
    /// What is effective, when it differs from the map's.
    public var effective: Money?
    /// Whether the file writes amounts with the other sign.
    public var isNegated = false
    /// Whether other rows carry its money.
    public var isSkipped = false
  }

  /// What tells kinds of rows apart.
  public struct Kinds: Hashable, Sendable {
    /// Where the kind stands.
    public var columns: Columns
    /// What each value means.
    public var values: [String: Treatment]
    /// What any other value means; `nil` makes it a fault.
    public var otherwise: Treatment?
  }

  /// Credits inside of a row: a JSON list; each becomes a record after the row it reduces.
  public struct Credits: Hashable, Sendable {
    /// Where the list stands.
    public var column: String
    /// The member with the amount, negative for a reduction.
    public var amount: String
    /// Members with its name, first one present.
    public var names: [String]
  }

  /// The name of the map.
  public var name: String
  /// What the rows look like.
  public var shape = Shape.csv
  /// The byte between fields.
  public var delimiter = UInt8(ascii: ",")
  /// Whether columns are found in any letter case.
  public var ignoresCase = false
  /// Whether a comma is the decimal point.
  public var hasDecimalComma = false
  /// Columns by which the form is told, each with its alternatives.
  public var signature: [Columns] = []
  /// Columns without which a file is refused, each with its alternatives.
  public var required: [Columns] = []
  /// Text fields.
  public var texts: [CostField: Columns] = [:]
  /// Text fields of rows that have no column for them, or an empty one.
  public var constants: [CostField: String] = [:]
  /// What is billed.
  public var billed: Money
  /// What is effective.
  public var effective: Money
  /// The cost at list prices; the billed cost when no column has a value.
  public var list = Money.zero
  /// Where the currency stands.
  public var currency: Columns = []
  /// The currency of rows without a column for it.
  public var fixedCurrency: Currency?
  /// The billing period.
  public var billingPeriod: TimeRange
  /// The time the charge is for; the billing period when it has no values.
  public var chargePeriod: TimeRange
  /// How dates with slashes are meant.
  public var slashDates = SlashDates.monthFirst
  /// The quantity that was priced.
  public var quantity: Columns = []
  /// Tags.
  public var tags: [Tags] = []
  /// Columns whose name begins with this are tags; the rest of the name is the key.
  public var tagPrefix: String?
  /// Kinds of rows; without it every row is usage.
  public var kinds: Kinds?
  /// Credits inside of rows.
  public var credits: Credits?
  /// Whether rows may be AWS split line items.
  public var hasAWSSplits = false

  /// A map with the rules that each must have.
  public init(
    name: String, billed: Money, effective: Money, billingPeriod: TimeRange,
    chargePeriod: TimeRange
  ) {
    self.name = name
    self.billed = billed
    self.effective = effective
    self.billingPeriod = billingPeriod
    self.chargePeriod = chargePeriod
  }

  /// Every column that the map reads, without repetition, in byte order.
  var columnNames: [String] {
    var names = Set(required.joined())
    names.formUnion(texts.values.joined())
    var sums = [billed, effective, list]
    for treatment in (kinds?.values.values).map(Array.init) ?? [] {
      sums += [treatment.billed, treatment.effective].compactMap { $0 }
    }
    for sum in sums { names.formUnion(sum.terms.flatMap(\.columns)) }
    names.formUnion(currency)
    for range in [billingPeriod, chargePeriod] {
      switch range {
      case .columns(let start, let end): names.formUnion(start + end)
      case .month(let columns), .day(let columns): names.formUnion(columns)
      }
    }
    names.formUnion(quantity)
    names.formUnion(tags.flatMap(\.columns))
    names.formUnion(kinds?.columns ?? [])
    if let credits { names.insert(credits.column) }
    if hasAWSSplits { names.formUnion(AWSSplit.columns) }
    return names.sorted(by: KeyOrder.precedes)
  }
}
