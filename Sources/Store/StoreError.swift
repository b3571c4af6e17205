/// Why the store refuses or fails.
public enum StoreError: Error, Sendable, Equatable {
  /// The database engine failed. `operation` says what was tried.
  case engine(operation: String, reason: String)
  /// The file belongs to some other program.
  case notAStore(path: String)
  /// The file was written by a newer version of Weir.
  case newerFormat(path: String, found: Int, known: Int)
  /// No file is there and the caller did not ask for a new one.
  case missing(path: String)
  /// A file is in the way of a backup or a restore.
  case destinationExists(path: String)
  /// A counter or position does not fit the 63 bits that the database has.
  case counterOverflow(what: String)
  /// A stored value cannot be read back: the file was damaged or changed by hand.
  case malformed(table: String, reason: String)
  /// The ledger is shorter than, or differs from, what a seal beside the database remembers.
  case behindSeal(file: String, reason: String)
  /// Usage, costs or the ledger of a period changed between load and commit.
  case changedMeanwhile(period: String)
  /// The period is closed already.
  case periodClosed(period: String)
  /// An order was approved or withdrawn before.
  case orderSettled(id: Int64)
  /// Something with that name exists.
  case exists(what: String)
  /// Nothing has that name.
  case notFound(what: String)
}

extension StoreError: CustomStringConvertible {
  /// One line for an operator: what failed and what to do next.
  public var description: String {
    switch self {
    case .engine(let operation, let reason): "\(operation): \(reason)"
    case .notAStore(let path): "\(path) is not a Weir store"
    case .newerFormat(let path, let found, let known):
      "\(path) has store format \(found); this weir knows format \(known): use a newer weir"
    case .missing(let path): "no store at \(path)"
    case .destinationExists(let path): "\(path) exists: choose another place or move it away"
    case .counterOverflow(let what): "\(what) does not fit 63 bits"
    case .malformed(let table, let reason): "stored \(table) cannot be read: \(reason)"
    case .behindSeal(let file, let reason):
      "the ledger does not match its seal \(file): \(reason); restore a newer backup"
    case .changedMeanwhile(let period): "period \(period) changed while it was being closed"
    case .periodClosed(let period): "period \(period) is closed"
    case .orderSettled(let id): "order \(id) is settled: nothing waits for approval"
    case .exists(let what): "\(what) exists"
    case .notFound(let what): "no \(what)"
    }
  }
}
