public import Accounting
public import Digest
internal import Dispatch
internal import Synchronization

/// What the store knows about a period.
public struct PeriodRecord: Sendable, Equatable {
  /// The period.
  public var period: Period
  /// Open until somebody closes it.
  public var state: PeriodState
  /// The version of its statements; 0 before the first close.
  public var version: UInt32
  /// When, by whom and why it was closed.
  public var close: PeriodCloseFacts?
  /// When, by whom and why it was soft-closed last.
  public var softClose: SoftCloseFacts?
}

/// A soft close: who, when, why.
public struct SoftCloseFacts: Sendable, Equatable {
  /// When.
  public var at: UTCInstant
  /// By whom.
  public var actor: String
  /// Why, in their words.
  public var reason: String

  /// A soft close.
  public init(at: UTCInstant, actor: String, reason: String) {
    self.at = at
    self.actor = actor
    self.reason = reason
  }
}

/// A close: who, when, why, and the digests of everything it froze.
public struct PeriodCloseFacts: Sendable, Equatable {
  /// When.
  public var at: UTCInstant
  /// Who asked for it.
  public var actor: String
  /// Who approved it, where a second person had to.
  public var approver: String?
  /// Why, in the closer's words.
  public var reason: String
  /// The policy.
  public var policy: Digest256
  /// Usage as it was.
  public var usage: Digest256
  /// The register as it was.
  public var register: Digest256
  /// The other inputs, as they were; none of a close by a store of format 2 or less.
  public var others: FrozenInputs.Others
  /// The ledger's end after it.
  public var ledger: LedgerHead
  /// The cost snapshots that it counted.
  public var imports: [CostSnapshot]

  /// A close by somebody at a time; what it froze is filled in by the caller.
  public init(
    at: UTCInstant, actor: String, approver: String? = nil, reason: String,
    frozen: FrozenInputs, ledger: LedgerHead
  ) {
    self.at = at
    self.actor = actor
    self.approver = approver
    self.reason = reason
    policy = frozen.policy
    usage = frozen.usage
    register = frozen.register
    others = frozen.others
    imports = frozen.imports
    self.ledger = ledger
  }
}

/// Digests of what a close counted.
public struct FrozenInputs: Sendable, Equatable {
  /// The policy document.
  public var policy: Digest256
  /// Usage.
  public var usage: Digest256
  /// The register.
  public var register: Digest256
  /// Cost snapshots.
  public var imports: [CostSnapshot]
  /// The other inputs.
  public var others: Others

  /// Inputs that not every month has, each nil when there was none.
  public struct Others: Sendable, Equatable {
    /// The rates at which costs were converted.
    public var rates: Digest256?
    /// The SKU map.
    public var skuMap: Digest256?
    /// External series.
    public var series: Digest256?
    /// Invoices as their issuers state them.
    public var invoices: Digest256?

    /// None of them.
    public init() {}
  }

  /// Inputs.
  public init(
    policy: Digest256, usage: Digest256, register: Digest256, imports: [CostSnapshot],
    others: Others = Others()
  ) {
    self.policy = policy
    self.usage = usage
    self.register = register
    self.imports = imports
    self.others = others
  }
}

/// A reading of everything that would change a period's statements; compared again at commit.
public struct PeriodMark: Sendable, Equatable {
  /// Changes of usage and costs so far.
  var changes: Int64
  /// The ledger's end.
  public var ledger: LedgerHead
}

/// The result of a close, to be stored in one transaction.
public struct PeriodClosing: Sendable {
  /// The period.
  public var period: Period
  /// The version of the statements.
  public var version: UInt32
  /// The reading under which the inputs were loaded.
  public var mark: PeriodMark
  /// Who, when, why, and what was frozen.
  public var facts: PeriodCloseFacts
  /// Entries to be added to the ledger.
  public var entries: [ChainedEntry]
  /// What they undo.
  public var links: [LedgerLink]
  /// Whether a closed period is restated; `version` is then the one after its own.
  public var isRestatement: Bool
  /// The second person, where one is needed.
  public var approval: OrderApproval?
  /// Statements, one a tenant.
  public var statements: StatementDocuments
  /// The period's summary as JSON.
  public var summary: [UInt8]
  /// The reconciliation as JSON.
  public var reconciliation: [UInt8]

  /// A closing.
  public init(
    period: Period, version: UInt32, mark: PeriodMark, facts: PeriodCloseFacts,
    entries: [ChainedEntry], links: [LedgerLink] = [], isRestatement: Bool = false,
    approval: OrderApproval? = nil, documents: PeriodDocuments
  ) {
    self.period = period
    self.version = version
    self.mark = mark
    self.facts = facts
    self.entries = entries
    self.links = links
    self.isRestatement = isRestatement
    self.approval = approval
    statements = documents.statements
    summary = documents.summary
    reconciliation = documents.reconciliation
  }
}

/// The documents that a close leaves.
public struct PeriodDocuments: Sendable {
  /// Statements, one a tenant.
  public var statements: StatementDocuments
  /// The period's summary as JSON.
  public var summary: [UInt8]
  /// The reconciliation as JSON.
  public var reconciliation: [UInt8]

  /// Documents.
  public init(statements: [StatementDocument], summary: [UInt8], reconciliation: [UInt8]) {
    self.init(
      statements: StatementDocuments(statements), summary: summary, reconciliation: reconciliation)
  }

  /// Documents of which the statements are made when they are written.
  public init(statements: StatementDocuments, summary: [UInt8], reconciliation: [UInt8]) {
    self.statements = statements
    self.summary = summary
    self.reconciliation = reconciliation
  }
}

/// The statements of a period in canonical form, each made when it is asked for: those of a large month take more memory than
/// all that they are made of.
public struct StatementDocuments: Sendable {
  /// How many there are.
  public let count: Int
  private let make: @Sendable (Int) throws -> StatementDocument
  /// Bound: so many are made at once, on all processors.
  private static let chunk = 256

  /// Documents that exist.
  public init(_ documents: [StatementDocument]) {
    self.init(count: documents.count) { documents[$0] }
  }

  /// Documents that `make` makes, on any thread: for an index always the same.
  public init(count: Int, _ make: @escaping @Sendable (Int) throws -> StatementDocument) {
    self.count = count
    self.make = make
  }

  /// A document with what is stored of it.
  struct Prepared: Sendable {
    let document: StatementDocument
    let digest: Digest256
    let packed: [UInt8]
  }

  /// Makes all of them on all processors, some at a time, and hands them on in their order. Throws what
  /// `make` and `body` throw.
  func makeAll(_ body: (Prepared) throws -> Void) throws {
    let make = make
    for start in stride(from: 0, to: count, by: Self.chunk) {
      let size = min(Self.chunk, count - start)
      let made = Mutex<[Result<Prepared, any Error>?]>(Array(repeating: nil, count: size))
      DispatchQueue.concurrentPerform(iterations: size) { offset in
        let result = Result {
          let document = try make(start + offset)
          return Prepared(
            document: document, digest: SHA256.hash(document.bytes),
            packed: PackedDocument.pack(document.bytes))
        }
        made.withLock { $0[offset] = result }
      }
      for result in made.withLock({ $0 }) {
        if let prepared = try result?.get() { try body(prepared) }
      }
    }
  }
}

/// One statement in its canonical form.
public struct StatementDocument: Sendable, Equatable {
  /// Whose.
  public var tenant: String
  /// The total that was posted.
  public var total: Money
  /// Canonical JSON.
  public var bytes: [UInt8]
  /// The amounts of its lines in short form (`StatementAmounts`), with which the next period's statement
  /// is compared; without them the document is read for it.
  public var amounts: [UInt8]?

  /// A statement.
  public init(tenant: String, total: Money, bytes: [UInt8], amounts: [UInt8]? = nil) {
    self.tenant = tenant
    self.total = total
    self.bytes = bytes
    self.amounts = amounts
  }
}
