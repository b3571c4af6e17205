internal import Accounting
internal import Digest

/// One statement as one HTML page: self-contained, without scripts, made for the screen and for A4.
///
/// Every text that comes from a document or a tenant is escaped. Nothing is computed here but
/// layout.
struct StatementPage {
  /// The model.
  let statement: Statement

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
      <h1>\(text(statement.tenant))\(mark)</h1>
      <p class="when">Period \(statement.period) &middot; \(statement.period.start) to \
      \(statement.period.end) &middot; version \(statement.version)</p>
      </header>
      """
  }

  private var totals: String {
    let currency = text(statement.currency.code)
    var cells = [
      ("Total", "\(statement.printedTotalText) \(currency)", "posted \(statement.total.text)")
    ]
    if let previous = statement.previousTotal, let change = statement.change {
      cells.append(
        ("Change", "\(Figure.signed(change.text)) \(currency)", "last period \(previous.text)"))
    }
    let isWhole = statement.coverage.isComplete
    cells.append(
      (
        "Coverage", isWhole ? "complete" : "incomplete",
        isWhole ? "no hole is known" : "holes are named below"
      ))
    let isTied = statement.reconciliation == .tiedOut
    cells.append(
      (
        "Reconciliation", isTied ? "tied out" : "open",
        isTied ? "the period agrees with its bill" : "the period differs from its bill"
      ))
    let items = cells.map { title, value, note in
      "<div><dt>\(title)</dt><dd>\(value)<small>\(note)</small></dd></div>"
    }
    return "<dl class=\"totals\">\(items.joined())</dl>"
  }

  private var charges: String {
    let rows = statement.lines.map(row).joined(separator: "\n")
    let empty =
      statement.lines.isEmpty
      ? "<tr><td colspan=\"7\">No cost was allocated to this tenant.</td></tr>" : ""
    return """
      <section>
      <h2>Charges</h2>
      <table class="charges">
      <thead><tr><th>Pool</th><th>Route</th><th>Driver</th><th class="n">Quantity</th>\
      <th class="n">Unit cost</th><th class="n">Share</th><th class="n">Amount</th></tr></thead>
      <tbody>
      \(rows)\(empty)
      </tbody>
      <tfoot><tr><th colspan="6">Total \(text(statement.currency.code))</th>\
      <td class="n">\(statement.printedTotalText)<small>\(statement.total.text)</small></td></tr>
      </tfoot>
      </table>
      </section>
      """
  }

  private func row(_ line: StatementLine) -> String {
    let notes = line.notes.map { "<small>\(text($0))</small>" }.joined()
    let drivers = line.drivers.map { text($0.name) }
    let quantities = line.drivers.map { Figure.grouped($0.value) + unit($0.unit) }
    let costs = line.drivers.map { $0.unitCost.map(Figure.trimmed) ?? "&ndash;" }
    return """
      <tr><td>\(text(line.pool))<small>\(text(line.method))</small>\(notes)</td>\
      <td>\(line.route.map(text) ?? "&ndash;")</td><td>\(stacked(drivers))</td>\
      <td class="n">\(stacked(quantities))</td><td class="n">\(stacked(costs))</td>\
      <td class="n">\(Figure.percent(line.share))</td>\
      <td class="n">\(line.printedText)<small>\(line.amount.text)</small></td></tr>
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
      let holes = proxy.holes.map { hole in
        "<div class=\"hole\">\(hole.from) to \(hole.to): \(text(hole.reason))</div>"
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
      <p>Printed amounts are rounded to the currency's minor unit so that lines add up to the total
      and all statements add up to the period; the small figures are what was posted.</p>
      </section>
      """
  }
}
