internal import GRDB
internal import GRDBSQLite

/// A prepared statement that is bound and read without a value of its own for each column: for walks over millions of rows.
///
/// Used on the queue of its database, like everything of it. Columns and parameters count from 0 and 1, as SQLite has it.
@safe
struct RawStatement: ~Copyable {
  // Keeps the handle alive, and finalizes it.
  private let statement: GRDB.Statement
  private let handle: OpaquePointer

  /// Prepares `sql`.
  init(_ database: Database, _ sql: String) throws {
    try self.init(database.makeStatement(sql: sql))
  }

  /// Prepares `sql`, or takes it from the connection's cache. Nobody else may use the same SQL meanwhile.
  init(cachedBy database: Database, _ sql: String) throws {
    try self.init(database.cachedStatement(sql: sql))
  }

  private init(_ statement: GRDB.Statement) {
    self.statement = statement
    unsafe handle = statement.sqliteStatement
  }

  deinit { unsafe sqlite3_reset(handle) }

  /// Binds a number.
  borrowing func bind(_ parameter: Int32, _ value: Int64) throws {
    try check(unsafe sqlite3_bind_int64(handle, parameter, value))
  }

  /// Binds a text, which is copied.
  borrowing func bind(_ parameter: Int32, _ text: String) throws {
    var text = text
    // Safe: SQLite copies the bytes (SQLITE_TRANSIENT is the address -1).
    let code = text.withUTF8 { bytes in
      let start = unsafe UnsafeRawPointer(bytes.baseAddress)?.assumingMemoryBound(to: CChar.self)
      return unsafe sqlite3_bind_text(
        handle, parameter, start, Int32(bytes.count),
        unsafeBitCast(-1, to: sqlite3_destructor_type.self))
    }
    try check(code)
  }

  /// Binds bytes, which are copied; `nil` is NULL.
  borrowing func bind(_ parameter: Int32, _ bytes: [UInt8]?) throws {
    guard let bytes else {
      try check(unsafe sqlite3_bind_null(handle, parameter))
      return
    }
    // Safe: as above.
    let code = unsafe bytes.withUnsafeBytes { bytes in
      unsafe sqlite3_bind_blob(
        handle, parameter, bytes.baseAddress, Int32(bytes.count),
        unsafeBitCast(-1, to: sqlite3_destructor_type.self))
    }
    try check(code)
  }

  /// Goes to the next row; false when there is none, and after a statement that has no rows.
  borrowing func step() throws -> Bool {
    let code = unsafe sqlite3_step(handle)
    if code == SQLITE_ROW { return true }
    if code == SQLITE_DONE { return false }
    throw unsafe DatabaseError(
      resultCode: ResultCode(rawValue: code),
      message: sqlite3_db_handle(handle).flatMap {
        unsafe sqlite3_errmsg($0).map { unsafe String(cString: $0) }
      })
  }

  /// Makes the statement ready to be bound and stepped anew.
  borrowing func reset() { unsafe sqlite3_reset(handle) }

  /// A number of the current row; 0 for NULL.
  @inline(__always)
  borrowing func integer(_ column: Int32) -> Int64 { unsafe sqlite3_column_int64(handle, column) }

  /// A text of the current row; empty for NULL.
  borrowing func text(_ column: Int32) -> String {
    // Safe: the bytes are copied before the next step.
    guard let start = unsafe sqlite3_column_text(handle, column) else { return "" }
    let count = Int(unsafe sqlite3_column_bytes(handle, column))
    return unsafe String(
      decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
  }

  /// Bytes of the current row; empty for NULL.
  borrowing func blob(_ column: Int32) -> [UInt8] {
    // Safe: the bytes are copied before the next step.
    guard let start = unsafe sqlite3_column_blob(handle, column) else { return [] }
    let count = Int(unsafe sqlite3_column_bytes(handle, column))
    return unsafe [UInt8](UnsafeRawBufferPointer(start: start, count: count))
  }

  /// Whether a text of the current row has these bytes.
  borrowing func text(_ column: Int32, is bytes: [UInt8]) -> Bool {
    // Safe: the bytes are good until the next step, and none is read past their count.
    guard let start = unsafe sqlite3_column_text(handle, column) else { return bytes.isEmpty }
    guard Int(unsafe sqlite3_column_bytes(handle, column)) == bytes.count else { return false }
    for index in bytes.indices where unsafe start[index] != bytes[index] { return false }
    return true
  }

  private borrowing func check(_ code: Int32) throws {
    guard code != SQLITE_OK else { return }
    throw DatabaseError(resultCode: ResultCode(rawValue: code), message: "binding a value")
  }
}
