internal import Accounting
internal import Digest

/// One statement as an A4 PDF: what the page shows, in the same words and order.
///
/// The same statement gives the same bytes on every machine with the same build and fonts: the
/// document's time is the statement's own, and no clock or random number is asked. Must run from
/// start to end on one thread.
package struct StatementPDF {
  private let statement: Statement
  private let words: StatementWords
  private let layout: PDFLayout

  /// The bytes of the PDF of the statement with this canonical JSON.
  package static func bytes(canonicalJSON document: [UInt8]) throws -> [UInt8] {
    try bytes(try Statement(canonicalJSON: document))
  }

  /// The bytes of a statement's PDF.
  static func bytes(_ statement: Statement) throws(PDFFailure) -> [UInt8] {
    let title = "Statement \(statement.tenant) \(statement.period) version \(statement.version)"
    let document = try PDFDocument(title: title, created: statement.issuedAt.description)
    let pdf = StatementPDF(
      statement: statement, words: StatementWords(statement: statement),
      layout: PDFLayout(document))
    pdf.header()
    pdf.headlines()
    pdf.charges()
    pdf.usage()
    pdf.coverage()
    pdf.origin()
    return try pdf.layout.finish(
      footer: "\(statement.tenant) · \(statement.period) · version \(statement.version)")
  }

  private func header() {
    layout.paragraph("Statement of usage and cost", PDFStyle(size: 9, isBold: true), .accent)
    layout.space(2)
    layout.paragraph(words.heading, PDFStyle(size: 19, isBold: true))
    layout.space(2)
    let mark = statement.isRegistered ? "" : " · not on the register"
    layout.paragraph("Tenant \(statement.tenant)\(mark)", PDFStyle(size: 8.5), .quiet)
    layout.paragraph(words.when, PDFStyle(size: 8.5), .quiet)
    layout.space(6)
    layout.rule(.accent, thickness: 2)
    layout.space(8)
  }

  /// Three a row.
  private func headlines() {
    let gap = 14.0
    let width = (PDFLayout.width - 2 * gap) / 3
    let list = words.headlines
    for start in stride(from: 0, to: list.count, by: 3) {
      let columns = list[start..<min(start + 3, list.count)].enumerated().map { index, headline in
        let isLong = headline.value.count > 22
        return (
          x: PDFLayout.margin + Double(index) * (width + gap),
          texts: [
            (
              layout.document.text(headline.title, PDFStyle(size: 8), width: width), PDFColour.quiet
            ),
            (
              layout.document.text(
                headline.value, PDFStyle(size: isLong ? 9 : 12.5, isBold: true), width: width),
              PDFColour.ink
            ),
            (
              layout.document.text(headline.note, PDFStyle(size: 7), width: width),
              PDFColour.quiet
            ),
          ]
        )
      }
      layout.place(columns)
      layout.space(9)
    }
  }

  private func section(_ title: String) {
    layout.space(10)
    // A heading alone at the end of a page helps nobody.
    if layout.room < 90 { layout.breakPage() }
    layout.paragraph(title, PDFStyle(size: 11, isBold: true))
    layout.space(3)
  }

  private func charges() {
    section("Charges")
    guard !statement.lines.isEmpty || !words.gone.isEmpty else {
      layout.paragraph("No cost was allocated to this tenant.", PDFStyle())
      return
    }
    let table = PDFTable(
      [
        .init(title: "Pool and route", share: 26), .init(title: "Driver", share: 34),
        .init(title: "Share", share: 10, isRight: true),
        .init(title: "Last period", share: 14, isRight: true),
        .init(title: "Amount", share: 16, isRight: true),
      ], in: layout)
    for layer in CostLayer.allCases {
      let lines = words.lines(of: layer)
      for line in lines { table.row(cells(of: line)) }
      if layer == .attributable { gone(table) }
      guard !lines.isEmpty || layer == .attributable else { continue }
      let sum = statement.sum(of: layer)
      table.total(
        StatementWords.name(of: layer),
        [
          .init(text: Figure.grouped(statement.printedText(sum.printed)), isBold: true),
          .init(text: Figure.grouped(sum.amount.text), isNote: true),
        ], isLast: false)
    }
    table.total(
      "Fully loaded cost, \(statement.currency.code)",
      [
        .init(text: Figure.grouped(statement.printedTotalText), isBold: true),
        .init(text: Figure.grouped(statement.total.text), isNote: true),
      ], isLast: true)
  }

  private func cells(of line: StatementLine) -> [[PDFTable.Part]] {
    var name = [PDFTable.Part(text: line.pool)]
    if let route = line.route { name.append(.init(text: route)) }
    name.append(.init(text: words.method(line), isNote: true))
    name += line.notes.map { .init(text: $0, isNote: true) }
    let drivers = line.drivers.flatMap { driver -> [PDFTable.Part] in
      [.init(text: driver.name)] + words.basis(driver).map { .init(text: $0, isNote: true) }
    }
    return [
      name, drivers.isEmpty ? [.init(text: "–")] : drivers,
      [.init(text: Figure.percent(line.share))], [.init(text: words.previous(line) ?? "–")],
      [
        .init(text: Figure.grouped(line.printedText)),
        .init(text: Figure.grouped(line.amount.text), isNote: true),
      ],
    ]
  }

  /// Lines that the last period had and this one has not.
  private func gone(_ table: PDFTable) {
    for line in words.gone {
      var name = [PDFTable.Part(text: line.pool)]
      if let route = line.route { name.append(.init(text: route)) }
      name.append(.init(text: "not in this period", isNote: true))
      let none = [PDFTable.Part(text: "–")]
      table.row([name, none, none, [.init(text: line.amount)], none])
    }
  }

  private func usage() {
    section("Usage")
    let usage = UsageTable(statement.usage)
    guard !usage.rows.isEmpty else {
      layout.paragraph("No usage was metered.", PDFStyle())
      return
    }
    guard usage.routes.count <= UsageTable.columnsMax else { return usageByRoute() }
    let table = PDFTable(
      [.init(title: "Quantity", share: 28)]
        + usage.routes.map { .init(title: $0, share: 18, isRight: true) }, in: layout)
    for row in usage.rows {
      table.row(
        [[.init(text: Self.named(row.quantity, row.unit))]]
          + row.values.map { [.init(text: Figure.grouped($0))] })
    }
  }

  private func usageByRoute() {
    let table = PDFTable(
      [
        .init(title: "Route", share: 40), .init(title: "Quantity", share: 35),
        .init(title: "Sum", share: 25, isRight: true),
      ], in: layout)
    for line in statement.usage {
      table.row([
        [.init(text: line.route)], [.init(text: Self.named(line.quantity, line.unit))],
        [.init(text: Figure.grouped(String(line.value)))],
      ])
    }
  }

  private static func named(_ quantity: String, _ unit: String) -> String {
    unit == "1" ? quantity : "\(quantity), \(unit)"
  }

  private func coverage() {
    section("Coverage")
    let table = PDFTable(
      [
        .init(title: "Proxy", share: 20), .init(title: "Batches", share: 11, isRight: true),
        .init(title: "From", share: 21), .init(title: "To", share: 21),
        .init(title: "Holes", share: 34),
      ], in: layout)
    for proxy in statement.coverage.proxies {
      var holes = proxy.holes.map {
        PDFTable.Part(text: "\($0.from) to \($0.to): \($0.reason)", colour: .warning)
      }
      if proxy.furtherHoles > 0 {
        let words = StatementWords.furtherHoles(proxy.furtherHoles)
        holes.append(PDFTable.Part(text: words, colour: .warning))
      }
      table.row([
        [.init(text: proxy.instance)], [.init(text: Figure.grouped(String(proxy.batches)))],
        [.init(text: proxy.from?.description ?? "–")],
        [.init(text: proxy.to?.description ?? "–")],
        holes.isEmpty ? [.init(text: "none")] : holes,
      ])
    }
  }

  private func origin() {
    section("Where this comes from")
    layout.paragraph("Policy \(statement.policyName)", PDFStyle())
    let mono = PDFStyle(size: 7.2, isMono: true)
    layout.paragraph(statement.policyDigest.hex, mono)
    layout.space(4)
    layout.paragraph("Ledger entries", PDFStyle())
    if statement.entries.isEmpty { layout.paragraph("none", PDFStyle()) }
    for entry in statement.entries { layout.paragraph(entry.hex, mono) }
    layout.space(6)
    layout.paragraph(StatementWords.rounding, PDFStyle(size: 7), .quiet)
  }
}
