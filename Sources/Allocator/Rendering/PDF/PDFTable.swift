/// A table over the whole width: its head is repeated on each page, long cells are wrapped.
struct PDFTable {
  /// A column.
  struct Column {
    /// Its name.
    let title: String
    /// Its part of the width; parts need not sum to anything.
    let share: Double
    /// Whether it holds figures, set to the right.
    var isRight = false
  }

  /// One paragraph of a cell.
  struct Part {
    /// The text.
    let text: String
    /// Whether it is small and quiet.
    var isNote = false
    /// Whether it is bold.
    var isBold = false
    /// Its colour; by default ink, or quiet for a note.
    var colour: PDFColour?
  }

  private static let gap = 9.0
  private static let padding = 3.0
  private let layout: PDFLayout
  private let columns: [(x: Double, width: Double, column: Column)]

  /// A table below what is there; its head is placed at once.
  init(_ columns: [Column], in layout: PDFLayout) {
    self.layout = layout
    let whole = columns.reduce(0) { $0 + $1.share }
    let width = PDFLayout.width - Self.gap * Double(columns.count - 1)
    var x = PDFLayout.margin
    var placed: [(x: Double, width: Double, column: Column)] = []
    for column in columns {
      let own = width * column.share / whole
      placed.append((x, own, column))
      x += own + Self.gap
    }
    self.columns = placed
    // A head alone at the end of a page helps nobody.
    if layout.room < 60 { layout.breakPage() }
    head()
  }

  private func head() {
    let cells = columns.map { [Part(text: $0.column.title, isBold: true, colour: .quiet)] }
    layout.space(Self.padding)
    place(texts(cells))
    layout.space(Self.padding)
    layout.rule(.ink, thickness: 0.7)
  }

  /// Adds a row, one cell a column, with a line below it.
  func row(_ cells: [[Part]], line: PDFColour = .rule) {
    precondition(cells.count == columns.count, "a row has a cell for each column")
    var rest = texts(cells)
    let height = Self.height(rest)
    // A tall row begins where it is and goes on overleaf; a low one stays together.
    let isTall = height > (PDFLayout.bottom - PDFLayout.top) / 3
    if height + 2 * Self.padding > layout.room, !isTall || layout.room < 60 { turn() }
    layout.space(Self.padding)
    // Bound: each turn of the loop places at least one text on an empty page.
    while height > layout.room, rest.contains(where: { !$0.isEmpty }) {
      let room = layout.room
      place(
        rest.indices.map { index in
          let count = Self.count(rest[index], within: room)
          defer { rest[index].removeFirst(count) }
          return Array(rest[index].prefix(count))
        })
      if rest.allSatisfy(\.isEmpty) { break }
      turn()
      layout.space(Self.padding)
      if Self.height(rest) <= layout.room { break }
    }
    place(rest)
    layout.space(Self.padding)
    layout.rule(line, thickness: 0.5)
  }

  /// A row of one text over all columns but the last, which holds a figure.
  func total(_ title: String, _ figure: [Part], isLast: Bool) {
    guard let last = columns.last else { return }
    let style = PDFStyle(size: 8.5, isBold: true)
    let left = layout.document.text(title, style, width: last.x - PDFLayout.margin - Self.gap)
    let right = figure.map { paragraph($0, last.width, isRight: true) }.flatMap { $0 }
    let height = max(left.height, right.reduce(0) { $0 + $1.0.height })
    if height + 2 * Self.padding > layout.room { turn() }
    layout.space(Self.padding)
    layout.place([(PDFLayout.margin, [(left, .ink)]), (last.x, right)])
    layout.space(Self.padding)
    layout.rule(isLast ? .ink : .rule, thickness: isLast ? 1.2 : 0.5)
  }

  private func turn() {
    layout.breakPage()
    head()
  }

  private func place(_ texts: [[(PDFText, PDFColour)]]) {
    layout.place(zip(columns, texts).map { ($0.x, $1) })
  }

  private func texts(_ cells: [[Part]]) -> [[(PDFText, PDFColour)]] {
    zip(columns, cells).map { column, parts in
      parts.flatMap { paragraph($0, column.width, isRight: column.column.isRight) }
    }
  }

  private func paragraph(
    _ part: Part, _ width: Double, isRight: Bool
  ) -> [(PDFText, PDFColour)] {
    let style = PDFStyle(
      size: part.isNote ? 6.8 : 8.2, isBold: part.isBold, isRight: isRight)
    let colour = part.colour ?? (part.isNote ? .quiet : .ink)
    return layout.pieces(part.text, style, width: width).map { ($0, colour) }
  }

  private static func height(_ cells: [[(PDFText, PDFColour)]]) -> Double {
    cells.map { $0.reduce(0) { $0 + $1.0.height } }.max() ?? 0
  }

  /// How many texts of a cell fit into a height.
  private static func count(_ texts: [(PDFText, PDFColour)], within height: Double) -> Int {
    var used = 0.0
    return texts.prefix { text, _ in
      used += text.height
      return used <= height
    }.count
  }
}
