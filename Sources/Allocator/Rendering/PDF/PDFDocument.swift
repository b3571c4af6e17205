internal import CPangoShims

/// Why a PDF could not be made.
enum PDFFailure: Error, Equatable, CustomStringConvertible {
  /// The drawing library gave up; carries its words.
  case drawing(reason: String)

  var description: String {
    switch self {
    case .drawing(let reason): "a PDF could not be drawn: \(reason)"
    }
  }
}

/// A look of text. Families are tried in order for each glyph; both are in packages that Weir needs.
struct PDFStyle {
  /// Points.
  var size = 8.5
  /// Whether it is bold.
  var isBold = false
  /// Whether it is set to the right.
  var isRight = false
  /// Whether all characters have one width.
  var isMono = false

  /// The families.
  var families: String {
    isMono ? "Liberation Mono, DejaVu Sans Mono" : "Liberation Sans, DejaVu Sans"
  }
}

/// A colour.
struct PDFColour {
  /// Parts from 0 to 1.
  let red: Double, green: Double, blue: Double

  /// A colour of 24 bits.
  init(_ hex: UInt32) {
    red = Double(hex >> 16 & 255) / 255
    green = Double(hex >> 8 & 255) / 255
    blue = Double(hex & 255) / 255
  }

  static let ink = PDFColour(0x1A1F24)
  static let quiet = PDFColour(0x5B6670)
  static let rule = PDFColour(0xD9DEE3)
  static let accent = PDFColour(0x0B5C7A)
  static let warning = PDFColour(0x8A1F11)

  fileprivate var shim: weir_pdf_colour { .init(red: red, green: green, blue: blue) }
}

/// A laid-out text of one document.
@safe final class PDFText {
  /// Points over all lines.
  let height: Double
  fileprivate let handle: OpaquePointer
  /// Keeps the document alive, whose context the text uses.
  private let document: PDFDocument

  fileprivate init(_ handle: OpaquePointer, _ document: PDFDocument) {
    unsafe self.handle = handle
    self.document = document
    // Safe: made by the shim and freed in deinit only.
    height = unsafe weir_pdf_text_height(handle)
  }

  deinit {
    // Safe: nobody uses the handle after deinit.
    unsafe weir_pdf_text_free(handle)
  }
}

/// An A4 document in memory, drawn from the first page to the last. Owned by one thread: pango's font
/// map belongs to the thread that opens the document.
@safe final class PDFDocument {
  /// Points of an A4 page.
  static let width = 595.276
  /// Points of an A4 page.
  static let height = 841.89

  private let handle: OpaquePointer

  /// A document without pages. `created` is what it says of its own time.
  init(title: String, created: String) throws(PDFFailure) {
    // Safe: the shim copies the texts and returns NULL on failure.
    let made = unsafe weir_pdf_open(Self.width, Self.height, title, "Weir", created)
    guard let made = unsafe made else { throw .drawing(reason: "no memory") }
    unsafe handle = made
  }

  deinit {
    // Safe: texts keep their document alive, so none is left.
    unsafe weir_pdf_close(handle)
  }

  /// Lays out a text within a width.
  func text(_ text: String, _ style: PDFStyle, width: Double) -> PDFText {
    let shown = VisibleText.of(text)
    // Safe: the shim copies families and text; the pointers live during the call.
    let made = unsafe style.families.withCString { families in
      let shim = unsafe weir_pdf_style(
        families: families, size: style.size, is_bold: style.isBold ? 1 : 0,
        is_right: style.isRight ? 1 : 0, width: width)
      return unsafe withUnsafePointer(to: shim) { shim in
        unsafe weir_pdf_text_new(handle, shown, Int32(clamping: shown.utf8.count), shim)
      }
    }
    guard let made = unsafe made else { preconditionFailure("pango always makes a layout") }
    // Safe: the text keeps this document alive.
    return unsafe PDFText(made, self)
  }

  /// Draws a text of this document with its upper left corner at a place.
  func draw(_ text: PDFText, x: Double, y: Double, _ colour: PDFColour) {
    // Safe: both handles are alive.
    unsafe weir_pdf_text_draw(handle, text.handle, x, y, colour.shim)
  }

  /// Fills a rectangle.
  func fill(x: Double, y: Double, width: Double, height: Double, _ colour: PDFColour) {
    // Safe: the handle is alive.
    unsafe weir_pdf_fill(handle, x, y, width, height, colour.shim)
  }

  /// Ends the page and begins another.
  func nextPage() {
    // Safe: the handle is alive.
    unsafe weir_pdf_next_page(handle)
  }

  /// Ends the document and gives its bytes.
  func finish() throws(PDFFailure) -> [UInt8] {
    var length = 0
    // Safe: the bytes live until the document is closed and are copied here.
    guard let bytes = unsafe weir_pdf_finish(handle, &length) else {
      throw .drawing(reason: unsafe String(cString: weir_pdf_failure(handle)))
    }
    return unsafe [UInt8](UnsafeBufferPointer(start: bytes, count: length))
  }
}
