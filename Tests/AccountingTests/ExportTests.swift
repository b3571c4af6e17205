import Digest
import Testing

@testable import Accounting

struct ExportTests {
  @Test(
    arguments: [
      ("acme", "acme"), ("acme-corp", "acme--corp"), ("Acme", "-41cme"),
      ("a.b:c@d_e", "a-2eb-3ac-40d-5fe"),
      ("~unmatched", "-7eunmatched"), ("", ""), ("ü", "-c3-bc"),
    ])
  func `names are escaped one way`(name: String, escaped: String) {
    #expect(EscapedName.escape(name) == escaped)
    #expect(EscapedName.unescape(escaped) == name)
  }

  @Test func `random names read back, and no two share a form`() {
    let seed = UInt64.random(in: .min ... .max)
    var random = SplitMix64(seed: seed)
    var forms: [String: String] = [:]
    for _ in 0..<5_000 {
      let name = String(
        (0..<Int.random(in: 0...12, using: &random)).map { _ in
          "aAzZ09-._:@~ß ".randomElement(using: &random) ?? "a"
        })
      let form = EscapedName.escape(name)
      #expect(EscapedName.unescape(form) == name, "seed \(seed)")
      #expect(forms.updateValue(name, forKey: form.lowercased()) ?? name == name, "seed \(seed)")
      #expect(form.utf8.allSatisfy { "abcdefghijklmnopqrstuvwxyz0123456789-".utf8.contains($0) })
    }
  }

  @Test(arguments: ["A", "-", "-4", "-4G", "-61", "-AB", "a.b", "-c3", "-2d"])
  func `a text that is no escaped form is refused`(text: String) {
    #expect(EscapedName.unescape(text) == nil)
  }

  @Test func `each export of a random month holds the ledger's balances`() throws {
    let seed = UInt64.random(in: .min ... .max)
    var random = SplitMix64(seed: seed)
    for _ in 0..<150 {
      let world = try World(&random)
      let close = try Close(world.records, policy: world.policy, usage: world.usage)
      let entries = close.chain.map(\.entry)
      var balances: [Account: Int64] = [:]
      for posting in entries.flatMap(\.postings) {
        balances[posting.account, default: 0] += posting.amount.micros
      }
      var origins = AllocatedOrigins()
      for statement in close.statements.statements {
        for line in statement.lines { origins.add(pool: line.pool, micros: line.amount.micros) }
      }
      for entry in entries {
        for posting in FocusExport.postings(of: entry) {
          origins.add(pool: entry.subject, micros: posting.amount.micros)
        }
      }
      let export = FocusExport(
        period: Fixtures.october, policyName: "world", dimensions: PoolDimensions(),
        origins: origins)
      var rows: [[String]] = []
      for statement in close.statements.statements {
        rows += try Self.rows(export.bytes(of: statement))
      }
      for entry in entries { rows += try Self.rows(export.bytes(of: entry)) }

      try Self.checkFocus(rows, balances, seed)
      try Self.checkJournal(entries, seed)
    }
  }

  /// Sums by owner equal the ledger; the ratios of each origin sum to 1.
  private static func checkFocus(
    _ rows: [[String]], _ balances: [Account: Int64], _ seed: UInt64
  ) throws {
    let column = Dictionary(
      uniqueKeysWithValues: FocusExport.columns.enumerated().map { ($1, $0) })
    var sums: [String: Int128] = [:]
    var ratios: [String: Amount] = [:]
    for row in rows {
      #expect(row.count == FocusExport.columns.count)
      let cost = try Amount(parsing: row[column["EffectiveCost"] ?? 0])
      sums[row[column["AllocatedResourceId"] ?? 0], default: 0] += cost.units
      let details = try JSONValue(parsing: Array(row[column["AllocatedMethodDetails"] ?? 0].utf8))
      guard case .number(let ratio) = details["Elements"]?.asArray?.first?["AllocatedRatio"]
      else {
        Issue.record("no ratio")
        continue
      }
      let origin = row[column["ResourceId"] ?? 0]
      ratios[origin] = try (ratios[origin] ?? .zero).adding(Amount(parsing: ratio))
    }
    for (account, micros) in balances where micros != 0 {
      if case .cost = account { continue }
      let owner = if case .tenant(let id) = account { id } else { account.text }
      #expect(sums[owner] == Amount(micros: micros).units, "\(account), seed \(seed)")
    }
    let one = Amount(units: Amount.unitsPerOne)
    for (origin, sum) in ratios {
      let error = try sum.subtracting(one).units.magnitude
      #expect(error <= UInt128(rows.count), "\(origin) \(sum), seed \(seed)")
    }
  }

  /// Debit equals credit in minor units, and no figure is a whole unit away from the exact one.
  private static func checkJournal(_ entries: [Entry], _ seed: UInt64) throws {
    let journal = JournalCSV(
      mapping: JournalMapping(name: "all", rules: [.init(match: .prefix(""), general: "1")]))
    for entry in entries {
      var sum = Amount.zero
      for row in try rows(journal.bytes(of: entry)) {
        let value =
          try row[10].isEmpty
          ? Amount(parsing: row[11]).negated() : Amount(parsing: row[10])
        sum = try sum.adding(value)
        let error = try value.subtracting(Amount(parsing: row[13])).units.magnitude
        #expect(error < UInt128(Amount.unitsPerOne / 100), "\(row), seed \(seed)")
      }
      #expect(sum == .zero, "seed \(seed)")
    }
  }

  private static func rows(_ bytes: [UInt8]) throws -> [[String]] {
    var rows: [[String]] = []
    var row: [String] = []
    var cell: [UInt8] = []
    var isQuoted = false
    var rest = bytes[...]
    while let byte = rest.popFirst() {
      switch byte {
      case UInt8(ascii: "\"") where isQuoted && rest.first == UInt8(ascii: "\""):
        cell.append(byte)
        rest.removeFirst()
      case UInt8(ascii: "\""): isQuoted.toggle()
      case UInt8(ascii: ",") where !isQuoted, 0x0A where !isQuoted:
        row.append(String(decoding: cell, as: UTF8.self))
        cell = []
        if byte == 0x0A {
          rows.append(row)
          row = []
        }
      case 0x0D where !isQuoted: break
      default: cell.append(byte)
      }
    }
    #expect(row.isEmpty && cell.isEmpty)
    return rows
  }

  @Test func `a longer prefix comes before a shorter one, an account before both`() {
    let mapping = JournalMapping(
      name: "m",
      rules: [
        .init(match: .prefix(""), general: "9"), .init(match: .prefix("tenant:"), general: "1"),
        .init(match: .prefix("tenant:a"), general: "2"),
        .init(match: .exact("tenant:acme"), general: "3"),
      ])
    let found = ["tenant:acme", "tenant:abc", "tenant:bolt", "platform:kept"].map { text in
      (try? Account(text: text)).flatMap(mapping.rule)?.general ?? "none"
    }

    #expect(found == ["3", "2", "1", "9"])
  }

  @Test func `allocations that were replaced do not count, nor what undid them`() throws {
    let policy = try PolicyText.decode(
      #"{"version":1,"name":"p","currency":"USD","pools":[{"name":"a","method":{"kind":"keep"}}]}"#)
    var context = Fixtures.context(policy)
    let money = Money(micros: 5, currency: Fixtures.currency("USD"))
    let postings = [
      Posting(account: .kept, amount: money),
      Posting(account: .cost(pool: "a"), amount: try money.negated()),
    ]
    func entry(
      _ sequence: UInt64, _ kind: EntryKind, _ subject: String, reverses: Digest256? = nil
    ) throws -> Entry {
      try Entry(
        sequence: sequence, kind: kind, subject: subject, context: context, reverses: reverses,
        postings: postings)
    }
    let first = try entry(0, .allocation, "a")
    context.version = 2
    let undone = try entry(1, .reversal, "a", reverses: first.id)
    let second = try entry(2, .allocation, "a")
    let adjusted = try entry(3, .adjustment, "by hand")

    let counted = FocusExport.counted(
      [first, undone, second, adjusted].map(FocusExport.EntryHeading.init), version: 2)

    #expect(counted == [second.id, adjusted.id])
  }
}
