import Accounting
import Foundation
import PlainHTTP
import TestSupport
import Testing
import Usage

extension Integration {
  /// The page that finance follows, run as it stands.
  @Suite("The month-end page") struct MonthEndTests {
    /// Commands that end with 1, because something is in the way or open.
    private static let endingWithOne = ["weir close 2026-10 --dry-run", "weir late 2026-10"]

    @Test(.timeLimit(.minutes(3)))
    func `every command of the page works, in its order`() throws {
      let chain = try Chain(Settings(people: 2), upstream: 1)
      try Self.lay(out: chain)
      var preamble = "cd '\(chain.folders.disk.path)'\n"
      var firsts = Set(Self.endingWithOne)
      var outputs: [(command: String, output: String)] = []
      let commands = try Self.commands()
      #expect(commands.count > 40)

      for command in commands {
        if command.hasPrefix("export ") {
          preamble += command + "\n"
          continue
        }
        // Only the first of each finds something open; after it, that is settled.
        let wanted: Int32 = firsts.remove(command) == nil ? 0 : 1
        let line = try Self.filled(command, chain, preamble)
        let outcome = try Self.run(preamble + line, chain)
        #expect(outcome.status == .exited(wanted), "\(command)\n\(outcome)")
        outputs.append((command, outcome.output))
      }

      func output(_ beginning: String) -> String {
        outputs.last { $0.command.hasPrefix(beginning) }?.output ?? ""
      }
      #expect(output("weir reconcile").contains("\nties out: yes\n"))
      #expect(output("weir ledger verify --seal").contains("seal-2020-10-v2.json: holds"))
      #expect(output("weir orders").split(separator: "\n").count == 1, "nothing waits")
      #expect(output("weir late").contains("everything is taken in"))
      try Self.checkLedger(chain)
      try Self.checkSeal(chain, preamble)
    }

    /// The statements of version 2, fetched as a tenant would keep them, against their seal: by the
    /// program, and by a second implementation; a changed byte is found by both.
    private static func checkSeal(_ chain: Chain, _ preamble: String) throws {
      let folder = chain.folders.disk.file("kept")
      try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: false)
      let list = try chain.api().call("/v1/periods/2020-10/statements").json
      for heading in list["statements"]?.asArray ?? [] {
        let tenant = heading["tenant"]?.asString ?? ""
        let bytes = try chain.api().call(
          "/v1/periods/2020-10/statements/\(tenant)?format=json"
        ).body
        try Data(bytes).write(to: URL(fileURLWithPath: "\(folder)/\(tenant).json"))
      }
      let seal = "seal-2020-10-v2.json"
      let scripts = [
        "weir ledger verify --seal \(seal) --statements kept",
        "python3 \(Repository.path("Tests/independent/seal.py")) \(seal) kept",
      ]
      for script in scripts {
        let outcome = try run(preamble + script, chain)
        #expect(outcome.status == .exited(0), "\(outcome)")
      }
      let file = URL(fileURLWithPath: "\(folder)/granite-media.json")
      var bytes = try Data(contentsOf: file)
      bytes[bytes.count / 2] ^= 0x01
      try bytes.write(to: file)
      for script in scripts {
        #expect(try run(preamble + script, chain).status == .exited(1), "\(script)")
      }
    }

    /// Version 1 and 2 are there, every balance is that of version 2 and the corrections by hand.
    private static func checkLedger(_ chain: Chain) throws {
      let entries =
        try chain.api().call("/v1/ledger/entries?limit=1000").json["entries"]?.asArray ?? []
      var sums: [String: Int64] = [:]
      for posting in entries.flatMap({ $0["postings"]?.asArray ?? [] }) {
        let micros = try Amount(parsing: posting["amount"]?.asString ?? "").roundedToMicros()
        sums[posting["account"]?.asString ?? "", default: 0] += micros
      }
      #expect(sums.values.reduce(0, +) == 0)
      let list = try chain.api().call("/v1/periods/2020-10/statements").json
      var statements: [String: Int64] = [:]
      for heading in list["statements"]?.asArray ?? [] {
        #expect(heading["version"] == .number("2"))
        statements[heading["tenant"]?.asString ?? ""] = try Amount(
          parsing: heading["total"]?.asString ?? ""
        ).roundedToMicros()
      }
      #expect(
        sums["tenant:granite-media"] == statements["granite-media"] && statements.count > 1)
      #expect(
        sums["tenant:cobalt-clinic"] == (statements["cobalt-clinic"] ?? 0) - 13_750_000)
      #expect(sums["platform:unallocated:write-off"] == 1_250_000)
      let kinds = Set(entries.compactMap { $0["kind"]?.asString })
      #expect(kinds == ["allocation", "reversal", "adjustment", "write-off"])
    }

    // MARK: tools

    /// The commands of the page: indented lines that begin with a command.
    private static func commands() throws -> [String] {
      try String(contentsOfFile: Repository.path("docs/operating/month-end.md"), encoding: .utf8)
        .split(separator: "\n").filter { $0.hasPrefix("    ") }
        .map { $0.trimmingCharacters(in: .whitespaces) }
        .filter { line in
          ["weir ", "export ", "WEIR_TOKEN_FILE="].contains { line.hasPrefix($0) }
        }
    }

    /// The files that the page names, moved to a month that is over on every clock: 2020-10.
    private static func lay(out chain: Chain) throws {
      let bill = moved(
        try String(
          contentsOfFile: Repository.path("demo/data/focus-2026-10.csv"), encoding: .utf8))
      let corrected = bill.replacingOccurrences(
        of: "90.476358482840,90.476358482840", with: "95.476358482840,95.476358482840")
      #expect(bill != corrected)
      let disk = chain.folders.disk
      try TextFile.write(bill, to: disk.file("focus-2020-10.csv"))
      try TextFile.write(corrected, to: disk.file("focus-2020-10-corrected.csv"))
      for (name, file) in [
        ("policy.yaml", "demo/policy.yaml"), ("tenants.csv", "demo/tenants.csv"),
      ] {
        try TextFile.write(
          try String(contentsOfFile: Repository.path(file), encoding: .utf8), to: disk.file(name))
      }
      for sequence in 0..<3 as Range<UInt64> {
        let answer = try chain.api(.ingest).deliver(try batch(sequence))
        #expect(answer.status == 200, "\(answer)")
      }
    }

    private static func moved(_ text: String) -> String {
      ["2026-09": "2020-09", "2026-10": "2020-10", "2026-11": "2020-11"].reduce(text) {
        $0.replacingOccurrences(of: $1.key, with: $1.value)
      }
    }

    /// A command with what the page leaves to its reader: the month, the store, the entry.
    private static func filled(
      _ command: String, _ chain: Chain, _ preamble: String
    ) throws -> String {
      var line = moved(command)
        .replacingOccurrences(of: "/var/lib/weir/weir.sqlite", with: chain.folders.store)
      if line.contains(" ENTRY ") {
        let list = try run(preamble + "weir adjust list --period 2020-11 --json", chain)
        let entries = try list.json()["posted_here"]?.asArray ?? []
        #expect(entries.count == 1)
        line = line.replacingOccurrences(
          of: " ENTRY ", with: " \(entries.first?["id"]?.asString ?? "") ")
      }
      return line
    }

    private static func run(_ script: String, _ chain: Chain) throws -> Chain.Outcome {
      let folder = (try BuiltProduct.path("weir") as NSString).deletingLastPathComponent
      let process = try ChildProcess(
        "/bin/bash", ["-c", script],
        environment: [
          "PATH": "\(folder):/usr/bin:/bin",
          "WEIR_SERVER": "http://127.0.0.1:\(chain.allocatorPort)",
          "WEIR_TOKEN_FILE": chain.folders.token(.operator),
        ], outputIn: chain.folders.disk.path)
      let status = try process.waitForExit(withinMilliseconds: 120_000)
      return Chain.Outcome(
        status: status, output: process.output, errorOutput: process.errorOutput)
    }

    /// Ten seconds of October 2020 with requests of two tenants.
    private static func batch(_ sequence: UInt64) throws -> [UInt8] {
      let name = try #require(
        BatchName(
          instance: "edge-1", boot: BootID(high: 7, low: 7), worker: 0, sequence: sequence))
      let start =
        try Period(parsing: "2020-10").start.microseconds + Int64(sequence) * 10_000_000
      var totals = ListenerTotals(listener: "main")
      var rows: [UsageRow] = []
      for (index, tenant) in ["cobalt-clinic", "granite-media"].enumerated() {
        var row = UsageRow(
          tenant: try #require(TenantID(tenant)), route: try #require(RouteName("upload")))
        let count = UInt64(index + 2)
        for quantity in [Usage.Quantity.requests, .endedCompleted, .responses2xx] {
          row[quantity] = count
        }
        for quantity in [
          Usage.Quantity.upstreamCPUMicroseconds, .responseBytes, .requestBytes,
          .requestBodyBytes,
        ] { row[quantity] = count * 1_000 }
        row.histogram = SparseHistogram(bins: [.init(bucket: 50, count: count)])
        for quantity in Usage.Quantity.allCases {
          totals.quantities[Int(quantity.rawValue)] += row[quantity]
        }
        totals.observations += count
        rows.append(row)
      }
      return try BatchCodec.encode(
        Batch(
          name: name,
          interval: BatchInterval(
            startMicroseconds: start, endMicroseconds: start + 10_000_000,
            lengthNanoseconds: 10_000_000_000), listeners: [totals], rows: rows))
    }
  }
}
