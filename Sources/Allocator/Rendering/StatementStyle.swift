/// The look of a statement: system fonts, dark on white, one accent, quiet rules; the same on
/// paper.
enum StatementStyle {
  /// The style sheet.
  static let css = """

    :root { --ink: #1a1f24; --quiet: #5b6670; --rule: #d9dee3; --accent: #0b5c7a; }
    * { box-sizing: border-box; }
    body { margin: 0; background: #f3f5f7; color: var(--ink);
      font: 14px/1.45 system-ui, "Segoe UI", "Liberation Sans", Arial, sans-serif; }
    main { max-width: 60rem; margin: 2rem auto; padding: 2.5rem 3rem; background: #fff;
      border: 1px solid var(--rule); }
    header { border-bottom: 3px solid var(--accent); padding-bottom: 1rem; }
    .kind { margin: 0; color: var(--accent); font-weight: 600; }
    h1 { margin: .2rem 0; font-size: 1.9rem; overflow-wrap: anywhere; }
    h2 { margin: 2rem 0 .5rem; font-size: 1.05rem; }
    .when { margin: 0; color: var(--quiet); }
    .mark { font-size: .8rem; font-weight: 600; color: #8a4b00; background: #fdf0dc;
      padding: .15rem .5rem; border-radius: .2rem; vertical-align: middle; }
    .totals { display: grid; grid-template-columns: repeat(auto-fit, minmax(13rem, 1fr));
      gap: 1rem 2rem; margin: 1.25rem 0 0; }
    .totals dt { color: var(--quiet); }
    .totals dd { margin: 0; font-size: 1.25rem; font-weight: 600;
      font-variant-numeric: tabular-nums; }
    small { display: block; color: var(--quiet); font-size: .78rem; font-weight: 400; }
    abbr { color: var(--quiet); }
    table { width: 100%; border-collapse: collapse; }
    th, td { padding: .35rem .6rem .35rem 0; text-align: left; vertical-align: top;
      border-bottom: 1px solid var(--rule); overflow-wrap: anywhere; }
    th { color: var(--quiet); font-weight: 600; }
    thead th { border-bottom: 1px solid var(--ink); }
    .whole th, .whole td { border-bottom: 0; border-top: 2px solid var(--ink); color: var(--ink);
      font-weight: 600; }
    .sum th, .sum td { color: var(--ink); font-weight: 600; }
    .n { text-align: right; font-variant-numeric: tabular-nums; padding-right: 0;
      padding-left: .6rem; overflow-wrap: normal;
      white-space: nowrap; }
    .n + td, .n + th { padding-left: 1.2rem; }
    th:first-child, td:first-child { min-width: 6rem; }
    .t { white-space: nowrap; }
    .hole { color: #8a1f11; }
    .origin dl { display: grid; grid-template-columns: 8rem 1fr; gap: .4rem 1rem; margin: 0; }
    .origin dt { color: var(--quiet); }
    .origin dd { margin: 0; }
    .origin p { color: var(--quiet); }
    code { font: .8rem/1.5 ui-monospace, "Liberation Mono", monospace; overflow-wrap: anywhere; }
    @media (max-width: 40rem) {
      main { margin: 0; padding: 1rem; border: 0; }
      .origin dl { grid-template-columns: 1fr; gap: 0; }
      h1 { font-size: 1.4rem; }
      section { overflow-x: auto; }
      table { min-width: 40rem; }
    }
    @page { size: A4; margin: 16mm 14mm; }
    @media print {
      body { background: #fff; font-size: 10pt; }
      main { max-width: none; margin: 0; padding: 0; border: 0; }
      thead { display: table-header-group; }
      tr, .totals div { break-inside: avoid; }
      h2 { break-after: avoid; }
    }

    """
}
