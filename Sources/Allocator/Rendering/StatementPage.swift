internal import Accounting
internal import Digest

/// One statement as one HTML page: self-contained, without scripts, made for the screen and for A4.
///
/// Every text that comes from a document or a tenant is escaped. Nothing is computed here but
/// layout.
struct StatementPage {
  /// The model.
  let statement: Statement

  private var words: StatementWords { StatementWords(statement: statement) }

  /// The page.
  var html: String {
    """
    <!doctype html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Statement \(text(statement.tenant)) \(statement.period)</title>
    <style>\(StatementStyle.css)</style>
    </head>
    <body>
    <main>
    \(header)
    \(totals)
    \(charges)
    \(usage)
    \(coverage)
    \(origin)
    </main>
    </body>
    </html>

    """
  }

  private func text(_ text: String) -> String { HTMLText.escaped(text) }

  private var header: String {
    var mark = statement.isRegistered ? "" : " <span class=\"mark\">unregistered</span>"
    if statement.isProvisional { mark += " <span class=\"mark\">provisional</span>" }
    return """
      <header>
      <p class="kind">Statement of usage and cost</p>
      <h1>\(text(words.heading))\(mark)</h1>
      <p class="when">Tenant \(text(statement.tenant))<br>\(text(words.when))</p>
      </header>
      """
  }

  private var totals: String {
    let items = words.headlines.map {
      "<div><dt>\(text($0.title))</dt><dd>\(text($0.value))<small>\(text($0.note))</small></dd></div>"
    }
    return "<dl class=\"totals\">\(items.joined())</dl>"
  }

  private var charges: String {
    let empty = statement.lines.isEmpty && words.gone.isEmpty
    return """
      <section>
      <h2>Charges</h2>
      <table class="charges">
      <thead><tr><th>Pool and route</th><th>Driver</th><th class="n">Share</th>\
      <th class="n">Last period</th><th class="n">Amount</th></tr></thead>
      \(CostLayer.allCases.map(layer).joined(separator: "\n"))
      \(empty ? "<tbody><tr><td colspan=\"5\">No cost was allocated to this tenant.</td></tr></tbody>" : "")
      <tbody><tr class="whole"><th colspan="4">Fully loaded cost, \(text(statement.currency.code))</th>\
      <td class="n">\(Figure.grouped(statement.printedTotalText))\
      <small>\(Figure.grouped(statement.total.text))</small></td></tr>
      </tbody>
      </table>
      </section>
      """
  }

  /// The lines of a layer with their sum.
  private func layer(_ layer: CostLayer) -> String {
    let lines = words.lines(of: layer)
    guard !lines.isEmpty || layer == .attributable else { return "" }
    let sum = statement.sum(of: layer)
    let gone = layer == .attributable ? words.gone.map(row(gone:)) : []
    return """
      <tbody>
      \((lines.map(row) + gone).joined(separator: "\n"))
      <tr class="sum"><th colspan="4">\(StatementWords.name(of: layer))</th>\
      <td class="n">\(Figure.grouped(statement.printedText(sum.printed)))\
      <small>\(Figure.grouped(sum.amount.text))</small></td></tr>
      </tbody>
      """
  }

  private func row(_ line: StatementLine) -> String {
    let notes = line.notes.map { "<small>\(text($0))</small>" }.joined()
    let route = line.route.map { "<br>\(text($0))" } ?? ""
    let drivers = line.drivers.map { driver in
      text(driver.name) + words.basis(driver).map { "<small>\(text($0))</small>" }.joined()
    }
    return """
      <tr><td>\(text(line.pool))\(route)<small>\(text(words.method(line)))</small>\(notes)</td>\
      <td>\(stacked(drivers))</td>\
      <td class="n">\(Figure.percent(line.share))</td>\
      <td class="n">\(words.previous(line) ?? "&ndash;")</td>\
      <td class="n">\(Figure.grouped(line.printedText))\
      <small>\(Figure.grouped(line.amount.text))</small></td></tr>
      """
  }

  private func row(gone line: (pool: String, route: String?, amount: String)) -> String {
    let route = line.route.map { "<br>\(text($0))" } ?? ""
    return """
      <tr><td>\(text(line.pool))\(route)<small>not in this period</small></td>\
      <td>&ndash;</td><td class="n">&ndash;</td><td class="n">\(line.amount)</td>\
      <td class="n">&ndash;</td></tr>
      """
  }

  private func stacked(_ parts: [String]) -> String {
    parts.isEmpty ? "&ndash;" : parts.map { "<div>\($0)</div>" }.joined()
  }

  private var usage: String {
    let table = UsageTable(statement.usage)
    guard !table.rows.isEmpty else {
      return "<section><h2>Usage</h2><p>No usage was metered.</p></section>"
    }
    return """
      <section>
      <h2>Usage</h2>
      <table class="usage">
      \(table.routes.count <= UsageTable.columnsMax ? across(table) : down())
      </table>
      </section>
      """
  }

  /// A column a route, as long as they fit on paper.
  private func across(_ table: UsageTable) -> String {
    let heads = table.routes.map { "<th class=\"n\">\(text($0))</th>" }.joined()
    let rows = table.rows.map { row in
      let cells = row.values.map { "<td class=\"n\">\(Figure.grouped($0))</td>" }.joined()
      return "<tr><td>\(text(row.quantity))\(unit(row.unit))</td>\(cells)</tr>"
    }
    return "<thead><tr><th>Quantity</th>\(heads)</tr></thead>\n<tbody>\n"
      + rows.joined(separator: "\n") + "\n</tbody>"
  }

  /// A row a route and quantity.
  private func down() -> String {
    let rows = statement.usage.map { line in
      "<tr><td>\(text(line.route))</td><td>\(text(line.quantity))\(unit(line.unit))</td>"
        + "<td class=\"n\">\(Figure.grouped(String(line.value)))</td></tr>"
    }
    return "<thead><tr><th>Route</th><th>Quantity</th><th class=\"n\">Sum</th></tr></thead>\n"
      + "<tbody>\n" + rows.joined(separator: "\n") + "\n</tbody>"
  }

  /// A unit after its figure or name; a plain count needs none.
  private func unit(_ unit: String) -> String {
    unit == "1" ? "" : " <abbr>\(text(unit))</abbr>"
  }

  private var coverage: String {
    let rows = statement.coverage.proxies.map { proxy in
      var holes = proxy.holes.map { hole in
        "<div class=\"hole\">\(hole.from) to \(hole.to): \(text(hole.reason))</div>"
      }
      if proxy.furtherHoles > 0 {
        let words = StatementWords.furtherHoles(proxy.furtherHoles)
        holes.append("<div class=\"hole\">\(words)</div>")
      }
      return """
        <tr><td>\(text(proxy.instance))</td>\
        <td class="n">\(Figure.grouped(String(proxy.batches)))</td>\
        <td class="t">\(proxy.from?.description ?? "&ndash;")</td>\
        <td class="t">\(proxy.to?.description ?? "&ndash;")</td>\
        <td>\(holes.isEmpty ? "none" : holes.joined())</td></tr>
        """
    }
    return """
      <section>
      <h2>Coverage</h2>
      <table>
      <thead><tr><th>Proxy</th><th class="n">Batches</th><th>From</th><th>To</th><th>Holes</th></tr>
      </thead>
      <tbody>
      \(rows.joined(separator: "\n"))
      </tbody>
      </table>
      </section>
      """
  }

  private var origin: String {
    let entries = statement.entries.map { "<code>\($0.hex)</code>" }.joined(separator: "<br>")
    return """
      <section class="origin">
      <h2>Where this comes from</h2>
      <dl>
      <dt>Policy</dt><dd>\(text(statement.policyName))<br>\
      <code>\(statement.policyDigest.hex)</code></dd>
      <dt>Ledger entries</dt><dd>\(entries.isEmpty ? "none" : entries)</dd>
      </dl>
      <p>\(StatementWords.rounding)</p>
      </section>
      """
  }
}
