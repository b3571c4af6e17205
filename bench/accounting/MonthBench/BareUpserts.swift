import GRDB
import GRDBSQLite
import Usage

/// What ingest is measured by: a loop that binds the same columns and upserts them into a table like the store's, one
/// transaction a batch, durable as the store's are. No names, no totals, no check, nothing decoded; histograms replace each other.
struct BareUpserts {
  private let queue: DatabaseQueue
  private static let names = Quantity.allCases.map(\.name)

  init(_ path: String) throws {
    queue = try DatabaseQueue(path: path)
    let columns = Self.names.map { "\($0) INTEGER NOT NULL CHECK (\($0) >= 0)" }
    try queue.writeWithoutTransaction { database in
      try database.execute(sql: "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL")
      try database.execute(
        sql: """
          CREATE TABLE usage_rollup (
            tenant TEXT NOT NULL, hour INTEGER NOT NULL, route TEXT NOT NULL,
            \(columns.joined(separator: ", ")), histogram BLOB,
            PRIMARY KEY (tenant, hour, route)) STRICT, WITHOUT ROWID
          """)
    }
  }

  func store(_ batch: Batch) throws {
    let hour = batch.interval.startMicroseconds / 3_600_000_000
    let names = Self.names
    try queue.write { database in
      let sums = names.map { "\($0) = \($0) + excluded.\($0)" }.joined(separator: ", ")
      let statement = try database.cachedStatement(
        sql: """
          INSERT INTO usage_rollup (tenant, hour, route, \(names.joined(separator: ", ")), histogram)
          VALUES (?, ?, ?, \(names.map { _ in "?" }.joined(separator: ", ")), ?)
          ON CONFLICT (tenant, hour, route) DO UPDATE SET \(sums), histogram = excluded.histogram
          """)
      // Safe: bytes are bound for one step at a time, and are good until it is over.
      let handle = unsafe statement.sqliteStatement
      for row in batch.rows {
        let histogram = row.histogram.bins.flatMap {
          [UInt8(truncatingIfNeeded: $0.bucket), UInt8(truncatingIfNeeded: $0.count)]
        }
        let code = unsafe Self.step(handle, row, hour, histogram)
        guard code == SQLITE_DONE else { throw DatabaseError(resultCode: .init(rawValue: code)) }
      }
    }
  }

  @unsafe
  private static func step(
    _ handle: OpaquePointer, _ row: UsageRow, _ hour: Int64, _ histogram: [UInt8]
  ) -> Int32 {
    let copies = unsafe unsafeBitCast(-1, to: sqlite3_destructor_type.self)
    let tenant = row.tenant.text
    let route = row.route.text
    unsafe sqlite3_bind_text(handle, 1, tenant, Int32(tenant.utf8.count), copies)
    unsafe sqlite3_bind_int64(handle, 2, hour)
    unsafe sqlite3_bind_text(handle, 3, route, Int32(route.utf8.count), copies)
    for (index, count) in row.quantities.enumerated() {
      unsafe sqlite3_bind_int64(handle, Int32(4 + index), Int64(count))
    }
    unsafe sqlite3_bind_blob(
      handle, Int32(4 + row.quantities.count), histogram, Int32(histogram.count), copies)
    let code = unsafe sqlite3_step(handle)
    unsafe sqlite3_reset(handle)
    return code
  }
}
