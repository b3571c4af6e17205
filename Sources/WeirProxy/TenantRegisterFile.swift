import Platform
import Usage

/// The tenant register on disk: one id a line, or a CSV whose first column is the id and whose header is `id`.
///
/// Empty lines and lines that begin with `#` are passed over. Any other bad line refuses the whole file, so
/// that a broken upload never throws paying tenants out.
enum TenantRegisterFile {
  /// Bytes of a register file at most: over a million ids.
  static let bytesMax = 256 << 20

  /// The ids of a file's text, or the first fault with its line.
  static func parse(_ text: String) -> Result<Set<TenantID>, Fault> {
    var ids: Set<TenantID> = []
    let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
    for (index, line) in lines.enumerated() {
      let cell = line.prefix { $0 != "," }.filter { $0 != "\"" }
      let trimmed = cell.drop { $0 == " " || $0 == "\t" }
      if trimmed.isEmpty || trimmed.hasPrefix("#") { continue }
      if index == 0 && (trimmed == "id" || trimmed == "tenant") { continue }
      guard let id = TenantID(String(trimmed)) else {
        return .failure(Fault(line: index + 1, value: String(trimmed.prefix(140))))
      }
      ids.insert(id)
    }
    return .success(ids)
  }

  /// A line that is no tenant id.
  struct Fault: Error, CustomStringConvertible {
    let line: Int
    let value: String

    var description: String {
      "line \(line): \"\(value)\" is not 1 to 128 of [A-Za-z0-9._:@-], first a letter or digit"
    }
  }

  /// Reads a file.
  static func read(_ path: String, syscalls: Syscalls) throws(ProcessError) -> Set<TenantID> {
    let bytes: [UInt8]
    do throws(SystemError) {
      bytes = try syscalls.readFile(path, bytesMax: bytesMax)
    } catch {
      throw .register(path: path, "\(error)")
    }
    switch parse(String(decoding: bytes, as: UTF8.self)) {
    case .success(let ids): return ids
    case .failure(let fault): throw .register(path: path, "\(fault)")
    }
  }
}
