import Platform
import Proxy
import Usage

/// The tenant register on disk: one id a line, or a CSV whose first column is the id and whose header names the others.
///
/// Empty lines and lines that begin with `#` are passed over. Without a header line, which begins with `id` or `tenant`,
/// only the ids count. Columns with the names of limits are read, others passed over. Any bad line or cell refuses the
/// whole file, so that a broken upload never throws paying tenants out; up to `faultsMax` are named.
enum TenantRegisterFile {
  /// Bytes of a register file at most: over a million ids.
  static let bytesMax = 256 << 20
  /// Faults that are named at most.
  static let faultsMax = 20

  /// What a file says.
  struct Content: Equatable {
    /// Every registered tenant.
    var ids: Set<TenantID> = []
    /// What those that have a plan or limits may use.
    var limits: [TenantID: PlannedTenantLimit] = [:]
  }

  /// Reads a file's text, or all its faults with their lines. `plans` are the classes of the configuration.
  static func parse(_ text: String, plans: Set<String> = []) -> Result<Content, Fault> {
    var content = Content()
    var columns: [String] = []
    var faults: [String] = []
    let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
    var isFirst = true
    for (index, line) in lines.enumerated() where faults.count < faultsMax {
      let cells = cells(of: line)
      if cells[0].isEmpty && cells.count == 1 || cells[0].hasPrefix("#") { continue }
      defer { isFirst = false }
      if isFirst && (cells[0] == "id" || cells[0] == "tenant") {
        columns = cells
        continue
      }
      guard let id = TenantID(cells[0]) else {
        faults.append(
          "line \(index + 1): \"\(cells[0].prefix(140))\" is not 1 to 128 of [A-Za-z0-9._:@-], "
            + "first a letter or digit")
        continue
      }
      if !content.ids.insert(id).inserted && !columns.isEmpty {
        faults.append("line \(index + 1): \"\(id)\" stands there twice")
      }
      var row = TenantRegisterRow(columns: columns, cells: cells, plans: plans)
      faults += row.read().map { "line \(index + 1): \($0)" }
      if row.limit != PlannedTenantLimit() { content.limits[id] = row.limit }
    }
    return faults.isEmpty ? .success(content) : .failure(Fault(faults: faults))
  }

  /// The cells of a line; quoted ones may hold commas and doubled quotes (RFC 4180 §2).
  private static func cells(of line: Substring) -> [String] {
    var cells = [""]
    var isQuoted = false
    for character in line {
      switch character {
      case "\"":
        // A doubled quote inside of quotes is one; none of the columns that count can hold it.
        isQuoted.toggle()
      case "," where !isQuoted: cells.append("")
      default: cells[cells.count - 1].append(character)
      }
    }
    return cells.map { cell in
      String(
        cell.drop { $0 == " " || $0 == "\t" }.reversed().drop { $0 == " " || $0 == "\t" }
          .reversed())
    }
  }

  /// Everything that is wrong with a file.
  struct Fault: Error, CustomStringConvertible {
    let faults: [String]

    var description: String { faults.joined(separator: "; ") }
  }

  /// Reads a file.
  static func read(
    _ path: String, plans: Set<String>, syscalls: Syscalls
  ) throws(ProcessError) -> Content {
    let bytes: [UInt8]
    do throws(SystemError) {
      bytes = try syscalls.readFile(path, bytesMax: bytesMax)
    } catch {
      throw .register(path: path, "\(error)")
    }
    switch parse(String(decoding: bytes, as: UTF8.self), plans: plans) {
    case .success(let content): return content
    case .failure(let fault): throw .register(path: path, "\(fault)")
    }
  }
}

/// One line of the register: reads its limits by the names of the columns.
struct TenantRegisterRow {
  let columns: [String]
  let cells: [String]
  let plans: Set<String>
  /// What the line says.
  private(set) var limit = PlannedTenantLimit()

  /// A line whose cells stand under these columns.
  init(columns: [String], cells: [String], plans: Set<String>) {
    self.columns = columns
    self.cells = cells
    self.plans = plans
  }

  /// Reads all columns and returns the faults.
  mutating func read() -> [String] {
    guard !columns.isEmpty else { return [] }
    var faults: [String] = []
    if cells.count > columns.count { faults.append("more cells than the header has columns") }
    for (column, cell) in zip(columns, cells).dropFirst() where !cell.isEmpty {
      if let fault = take(column, cell) { faults.append("\(column): \(fault)") }
    }
    faults += limit.own.faults().map { "\($0.key): \($0.fault)" }
    return faults
  }

  private mutating func take(_ column: String, _ cell: String) -> String? {
    switch column {
    case "plan":
      // Registers name plans for other ends too; without classes the column says nothing here.
      guard !plans.isEmpty else { return nil }
      limit.plan = cell
      return plans.contains(cell) ? nil : "there is no class \"\(cell)\" in tenant_limits.classes"
    case "requests_per_second": return number(cell, \.requestsPerSecond)
    case "burst": return number(cell, \.burst)
    case "bytes_per_second": return number(cell, \.bytesPerSecond)
    case "bytes_burst": return number(cell, \.bytesBurst)
    case "concurrent_requests": return number(cell, \.concurrentRequests)
    case "open_streams": return number(cell, \.openStreams)
    case "blocked":
      guard ["true", "false"].contains(cell) else { return "\"\(cell)\" is not true or false" }
      limit.own.isBlocked = cell == "true" ? true : nil
      return nil
    case "priority":
      limit.own.priority = RequestPriority(cell)
      return limit.own.priority == nil ? "\"\(cell)\" is not low, normal or high" : nil
    default: return nil
    }
  }

  private mutating func number(
    _ cell: String, _ path: WritableKeyPath<TenantLimit, Int?>
  ) -> String? {
    guard let value = Int(cell), cell.first != "+" else {
      return "\"\(cell.prefix(40))\" is not a whole number"
    }
    limit.own[keyPath: path] = value
    return nil
  }
}
