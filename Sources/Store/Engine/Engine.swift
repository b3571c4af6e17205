internal import Foundation
internal import GRDB

/// The embedded database behind every store type: SQLite through a pool of one writer and some
/// readers.
///
/// WAL with `synchronous = FULL`: a commit that was reported is on disk. Foreign keys are on, which is
/// GRDB's default, and recursive triggers, so that REPLACE runs the triggers that refuse DELETE.
struct Engine: Sendable {
  /// Marks the file as Weir's: "Weir" in ASCII.
  static let applicationID = 0x5765_6972

  /// The pool; only this file opens one.
  let pool: DatabasePool

  /// Opens or makes the database at `path` and brings its schema up to date.
  static func open(at path: String, create: Bool) throws(StoreError) -> Engine {
    guard create || FileManager.default.fileExists(atPath: path) else {
      throw .missing(path: path)
    }
    do {
      let engine = Engine(pool: try DatabasePool(path: path, configuration: configuration()))
      try engine.pool.writeWithoutTransaction { database in
        try Schema.checkFormat(database, path: path)
        try database.execute(sql: "PRAGMA synchronous = FULL")
        try Schema.migrate(database)
      }
      return engine
    } catch let error as StoreError {
      throw error
    } catch {
      throw .engine(operation: "opening \(path)", reason: "\(error)")
    }
  }

  /// Settings of each connection.
  static func configuration() -> Configuration {
    var configuration = Configuration()
    configuration.busyMode = .timeout(15)
    configuration.prepareDatabase { database in
      try database.execute(sql: "PRAGMA recursive_triggers = ON")
      try database.execute(sql: "PRAGMA synchronous = FULL")
      database.add(function: HistogramBlob.mergeFunction)
      database.add(function: HistogramBlob.sumFunction)
    }
    return configuration
  }

  /// Runs `body` on a snapshot; nothing it does is written.
  func read<Value: Sendable>(
    _ operation: String, _ body: @escaping @Sendable (Database) throws -> Value
  ) async throws(StoreError) -> Value {
    do {
      return try await pool.read(body)
    } catch {
      throw Engine.error(error, during: operation)
    }
  }

  /// Runs `body` in one transaction: all of it is durable when this returns, or none of it
  /// happened.
  func write<Value: Sendable>(
    _ operation: String, _ body: @escaping @Sendable (Database) throws -> Value
  ) async throws(StoreError) -> Value {
    do {
      return try await pool.write(body)
    } catch {
      throw Engine.error(error, during: operation)
    }
  }

  /// The store's own error for whatever came out of a transaction.
  static func error(_ error: any Error, during operation: String) -> StoreError {
    if let known = error as? StoreError { return known }
    guard let failure = error as? DatabaseError else {
      return .engine(operation: operation, reason: "\(error)")
    }
    if failure.extendedResultCode == .SQLITE_CONSTRAINT_DATATYPE {
      return .counterOverflow(what: operation)
    }
    return .engine(operation: operation, reason: failure.message ?? "\(failure)")
  }
}
