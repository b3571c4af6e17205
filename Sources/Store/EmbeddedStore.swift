public import Accounting
internal import Foundation
internal import GRDB

/// The allocator's memory: one embedded database and the seals beside it.
///
/// Open one for each process and share it; every store type in it is a value that any task may use.
/// Several processes may have the same store open, so offline commands work beside a running
/// server.
public struct EmbeddedStore: Sendable {
  /// Where the database lies.
  public let path: String
  /// Identifies this copy of the data: random, made new when a backup is put to use. A proxy that
  /// sees another epoch offers its batches again.
  public let epoch: String
  /// Batches and usage.
  public let usage: UsageStore
  /// Proxies and what they reported.
  public let coverage: CoverageStore
  /// The register of tenants.
  public let tenants: TenantStore
  /// Imported costs.
  public let costs: CostStore
  /// External series.
  public let series: SeriesStore
  /// Policy versions.
  public let policies: PolicyStore
  /// Rates between currencies.
  public let rates: RateStore
  /// Names and parents of tenants over time.
  public let history: HistoryStore
  /// Ledger entries.
  public let ledger: LedgerStore
  /// What waits for a second person.
  public let orders: OrderStore
  /// Objections to statements.
  public let disputes: DisputeStore
  /// Periods and their close.
  public let periods: PeriodStore
  /// Statements.
  public let statements: StatementStore
  /// Bearer tokens.
  public let tokens: TokenStore
  /// What people did.
  public let audit: AuditStore

  /// The database.
  let engine: Engine
  /// What closes wrote beside it.
  let seals: SealFolder

  /// Opens the store at `path`; makes a new one when `create` is set and none is there.
  ///
  /// A file that was made by `backup` gets a new epoch. Throws `newerFormat` for a store of a newer
  /// Weir and `notAStore` for another program's file.
  public static func open(at path: String, create: Bool) async throws(StoreError) -> EmbeddedStore {
    let engine = try Engine.open(at: path, create: create)
    let epoch = try await engine.write("opening the store") { database in
      try StoreMeta.settleEpoch(database)
    }
    return EmbeddedStore(path: path, epoch: epoch, engine: engine)
  }

  private init(path: String, epoch: String, engine: Engine) {
    self.path = path
    self.epoch = epoch
    self.engine = engine
    seals = SealFolder(besideStoreAt: path)
    usage = UsageStore(engine: engine)
    coverage = CoverageStore(engine: engine)
    tenants = TenantStore(engine: engine)
    costs = CostStore(engine: engine)
    series = SeriesStore(engine: engine)
    policies = PolicyStore(engine: engine)
    rates = RateStore(engine: engine)
    history = HistoryStore(engine: engine)
    ledger = LedgerStore(engine: engine, seals: seals)
    orders = OrderStore(engine: engine)
    disputes = DisputeStore(engine: engine)
    periods = PeriodStore(engine: engine, seals: seals)
    statements = StatementStore(engine: engine)
    tokens = TokenStore(engine: engine)
    audit = AuditStore(engine: engine)
  }

  /// Compares the ledger with the seals beside the store, writes seals that a crash left out, and
  /// forgets imports that were never finished. A server calls it before it serves.
  ///
  /// Throws `behindSeal` when the ledger is shorter than a seal remembers or differs from it: an
  /// older backup was restored, or the file was changed.
  public func prepareToServe() async throws(StoreError) {
    let known = try seals.all()
    try await engine.read("comparing the ledger with its seals") { database in
      for (file, seal) in known { try SealReading.compare(seal, with: database, file: file) }
    }
    for seal in try await periods.sealsOwed() { try seals.write(seal) }
    try await engine.write("forgetting unfinished imports") { database in
      try CostCommit.forgetStaged(database)
    }
  }

  /// Copies the store to a new file while it is in use: one consistent moment of it.
  ///
  /// The copy carries a mark, so that whoever opens it gets a new epoch. Throws
  /// `destinationExists`.
  public func backup(to destination: String) async throws(StoreError) {
    guard !FileManager.default.fileExists(atPath: destination) else {
      throw .destinationExists(path: destination)
    }
    do {
      let copy = try DatabaseQueue(path: destination)
      try engine.pool.backup(to: copy)
      try await copy.write { database in try StoreMeta.markAsCopy(database) }
      // One plain file: a backup must not need a journal beside it.
      _ = try await copy.writeWithoutTransaction { database in
        try String.fetchOne(database, sql: "PRAGMA journal_mode = DELETE")
      }
      try copy.close()
      try FileSync.file(at: destination)
    } catch {
      throw Engine.error(error, during: "backing up to \(destination)")
    }
  }

  /// Puts a backup in the place of a store: checks the file, copies it, gives it a new epoch, and
  /// compares its ledger with the seals beside `path`. Nothing may be at `path` yet.
  ///
  /// Throws `behindSeal`, and removes the copy again, when the backup is older than a close whose
  /// seal is kept.
  public static func restore(
    from backup: String, to path: String, by actor: String, at now: UTCInstant
  ) async throws(StoreError) -> EmbeddedStore {
    guard FileManager.default.fileExists(atPath: backup) else { throw .missing(path: backup) }
    guard !FileManager.default.fileExists(atPath: path) else {
      throw .destinationExists(path: path)
    }
    do {
      try FileManager.default.createDirectory(
        at: URL(fileURLWithPath: path).deletingLastPathComponent(),
        withIntermediateDirectories: true)
      try FileManager.default.copyItem(atPath: backup, toPath: path)
    } catch {
      throw .engine(operation: "copying \(backup)", reason: "\(error)")
    }
    do {
      let store = try await open(at: path, create: false)
      try await store.checkIntegrity()
      try await store.prepareToServe()
      let record = AuditRecord(
        at: now, actor: actor, action: .restore, subject: backup, detail: "epoch=\(store.epoch)")
      try await store.audit.append(record)
      return store
    } catch {
      for suffix in ["", "-wal", "-shm"] {
        try? FileManager.default.removeItem(atPath: path + suffix)
      }
      throw error
    }
  }

  /// Walks every page of the file; throws `malformed` with what the engine found.
  public func checkIntegrity() async throws(StoreError) {
    let faults = try await engine.read("checking the file") { database in
      try String.fetchAll(database, sql: "PRAGMA integrity_check(20)")
        + Row.fetchAll(database, sql: "PRAGMA foreign_key_check").map { "foreign key \($0)" }
    }
    guard faults == ["ok"] else {
      throw .malformed(table: "file", reason: faults.prefix(5).joined(separator: "; "))
    }
  }

  /// Ends all use of the store by this process. The last to close it leaves one file, without a
  /// WAL.
  public func close() throws(StoreError) {
    do {
      // The pool closes its writer first, and what only reads cannot take the WAL in: readers go
      // before it.
      engine.pool.releaseMemory()
      try engine.pool.close()
    } catch {
      throw Engine.error(error, during: "closing the store")
    }
  }
}
