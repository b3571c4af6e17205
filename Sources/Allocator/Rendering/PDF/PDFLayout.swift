/// Puts texts one below the other on as many pages as it takes, then draws them all: the number of
/// pages is known when the first footer is drawn.
///
/// Nothing is clipped: a row goes to the next page as a whole, or in parts when it is taller than a
/// page. Memory grows with the texts of one document.
final class PDFLayout {
  /// Left and right margin.
  static let margin = 42.0
  /// Where the body begins and ends.
  static let top = 44.0
  static let bottom = PDFDocument.height - 52
  /// Points between the margins.
  static let width = PDFDocument.width - 2 * margin

  private enum Item {
    case text(PDFText, x: Double, y: Double, PDFColour)
    case fill(x: Double, y: Double, width: Double, height: Double, PDFColour)
  }

  /// The document.
  let document: PDFDocument
  private var pages: [[Item]] = [[]]
  private var y = PDFLayout.top

  /// A layout of a document without pages.
  init(_ document: PDFDocument) {
    self.document = document
  }

  /// Points left on the page.
  var room: Double { Self.bottom - y }

  /// Whether nothing is on the page yet.
  var isAtTop: Bool { y == Self.top }

  /// Ends the page.
  func breakPage() {
    pages.append([])
    y = Self.top
  }

  /// Leaves room, unless the page begins.
  func space(_ points: Double) {
    if !isAtTop { y += points }
  }

  /// A line over a part of the width.
  func rule(_ colour: PDFColour, thickness: Double, width: Double = PDFLayout.width) {
    pages[pages.count - 1].append(
      .fill(x: Self.margin, y: y, width: width, height: thickness, colour))
    y += thickness
  }

  /// A text over the whole width, on further pages when it is long.
  func paragraph(_ text: String, _ style: PDFStyle, _ colour: PDFColour = .ink) {
    for piece in pieces(text, style, width: Self.width) {
      if piece.height > room { breakPage() }
      place(piece, x: Self.margin, at: y, colour)
      y += piece.height
    }
  }

  /// A text in pieces of less than a page.
  func pieces(_ text: String, _ style: PDFStyle, width: Double) -> [PDFText] {
    let whole = document.text(text, style, width: width)
    // Bound: each step takes a part of the text away; a single character is lower than a page.
    guard whole.height > (Self.bottom - Self.top) / 6, text.count > 1 else { return [whole] }
    var middle = text.index(text.startIndex, offsetBy: text.count / 2)
    if let blank = text[..<middle].lastIndex(of: " ") { middle = text.index(after: blank) }
    return pieces(String(text[..<middle]), style, width: width)
      + pieces(String(text[middle...]), style, width: width)
  }

  /// Puts a text at a place of the page.
  func place(_ text: PDFText, x: Double, at y: Double, _ colour: PDFColour) {
    pages[pages.count - 1].append(.text(text, x: x, y: y, colour))
  }

  /// Puts columns of texts side by side and moves below them. The caller has made room.
  func place(_ columns: [(x: Double, texts: [(PDFText, PDFColour)])]) {
    var lowest = y
    for column in columns {
      var below = y
      for (text, colour) in column.texts {
        place(text, x: column.x, at: below, colour)
        below += text.height
      }
      lowest = max(lowest, below)
    }
    y = lowest
  }

  /// Draws all pages, each with a footer, and gives the bytes.
  func finish(footer: String) throws(PDFFailure) -> [UInt8] {
    let style = PDFStyle(size: 7)
    for (index, items) in pages.enumerated() {
      if index > 0 { document.nextPage() }
      for item in items {
        switch item {
        case .text(let text, let x, let y, let colour): document.draw(text, x: x, y: y, colour)
        case .fill(let x, let y, let width, let height, let colour):
          document.fill(x: x, y: y, width: width, height: height, colour)
        }
      }
      let below = PDFDocument.height - 38
      document.fill(x: Self.margin, y: below - 5, width: Self.width, height: 0.5, .rule)
      let left = document.text(footer, style, width: Self.width - 80)
      document.draw(left, x: Self.margin, y: below, .quiet)
      let right = document.text(
        "Page \(index + 1) of \(pages.count)", PDFStyle(size: 7, isRight: true), width: 76)
      document.draw(right, x: Self.margin + Self.width - 76, y: below, .quiet)
    }
    return try document.finish()
  }
}
