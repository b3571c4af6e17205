/// Columns for a terminal: texts to the left, figures to the right.
struct TextTable {
  private let head: [String]
  private let figures: Set<Int>
  private var rows: [[String]] = []

  /// A table; `figures` are the columns set to the right.
  init(_ head: [String], figures: Set<Int> = []) {
    self.head = head
    self.figures = figures
  }

  /// Adds a row, one cell a column.
  mutating func add(_ cells: [String]) {
    precondition(cells.count == head.count, "a row has a cell for each column")
    rows.append(cells.map(Self.printable))
  }

  /// The table, a line a row.
  var text: String {
    let all = [head] + rows
    let widths = head.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
    return all.map { row in
      let cells = row.enumerated().map { column, cell in
        let blanks = String(repeating: " ", count: widths[column] - cell.count)
        return figures.contains(column) ? blanks + cell : cell + blanks
      }
      var line = cells.joined(separator: "  ")
      while line.hasSuffix(" ") { line.removeLast() }
      return line
    }.joined(separator: "\n")
  }

  /// No control character of a stored text may reach the terminal.
  static func printable(_ text: String) -> String {
    String(
      String.UnicodeScalarView(
        text.unicodeScalars.map { scalar in
          scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) ? "?" : scalar
        }))
  }
}
