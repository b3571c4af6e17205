/// The rows of a small CSV text, with the line each begins on.
struct CSVRows {
  private(set) var rows: [(line: Int, cells: [String])] = []

  init(_ text: String) {
    var cells: [String] = []
    var cell = ""
    var line = 1
    var rowLine = 1
    var isQuoted = false
    var characters = Array(text)[...]
    while let character = characters.popFirst() {
      if isQuoted {
        if character.isNewline { line += 1 }
        if character != "\"" {
          cell.append(character)
        } else if characters.first == "\"" {
          cell.append("\"")
          characters.removeFirst()
        } else {
          isQuoted = false
        }
      } else if character == "\"" {
        isQuoted = true
      } else if character == "," {
        cells.append(cell)
        cell = ""
      } else if character.isNewline {
        rows.append((rowLine, cells + [cell]))
        (cells, cell) = ([], "")
        line += 1
        rowLine = line
      } else {
        cell.append(character)
      }
    }
    if !cells.isEmpty || !cell.isEmpty { rows.append((rowLine, cells + [cell])) }
  }
}

/// A small CSV text with a header, read by names of columns.
struct CSVTable {
  /// One row after the header.
  struct Row {
    /// The line it begins on.
    let line: Int
    private let cells: [String: String]

    fileprivate init(line: Int, cells: [String: String]) {
      self.line = line
      self.cells = cells
    }

    /// The text under a column; empty when the file has no such column.
    subscript(name: String) -> String { cells[name] ?? "" }
  }

  /// The rows that have a cell for each column.
  private(set) var rows: [Row] = []
  /// What is wrong with the others.
  private(set) var faults: [String] = []

  /// A table; `required` columns must be there, `optional` ones may, no others.
  init(_ bytes: [UInt8], required: [String], optional: [String]) {
    guard let text = String(validating: bytes, as: UTF8.self) else {
      faults = ["the file is not UTF-8"]
      return
    }
    let all = CSVRows(text).rows
    guard let header = all.first else {
      faults = ["the file is empty"]
      return
    }
    let names = header.cells
    let unknown = names.filter { !(required + optional).contains($0) }
    let missing = required.filter { !names.contains($0) }
    guard unknown.isEmpty, missing.isEmpty, Set(names).count == names.count else {
      let more = optional.isEmpty ? "" : ", and \(optional.joined(separator: ", ")) if wanted"
      faults = ["line 1: the header must be \(required.joined(separator: ", "))\(more)"]
      return
    }
    for row in all.dropFirst() where row.cells != [""] {
      guard row.cells.count == names.count else {
        faults.append("line \(row.line): \(row.cells.count) cells, the header has \(names.count)")
        continue
      }
      rows.append(
        Row(line: row.line, cells: Dictionary(uniqueKeysWithValues: zip(names, row.cells))))
    }
  }
}
