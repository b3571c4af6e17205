import Accounting
import Foundation
import TestSupport
import Testing

extension Integration {
  @Suite("A bill with faults") struct ImportTests {
    /// Lines of the file with a fault, as its README lists them.
    private static let faulty = Array(3...10) + Array(12...26) + [29, 30, 31, 33]
    private static let bill = Repository.path("demo/data/focus-broken.csv")

    @Test(.timeLimit(.minutes(1)))
    func `every fault is named with its line and good rows count once`() throws {
      let chain = try Chain(upstream: 1)

      let first = try chain.weir("import", Self.bill, "--source", "nordlicht")
      let second = try chain.weir("import", Self.bill, "--source", "nordlicht", "--json")
      let packed = try chain.weir(
        "import", try Self.gzipped(chain), "--source", "nordlicht", "--json")
      let elsewhere = try chain.weir(
        "import", try Self.gzipped(chain), "--source", "other", "--json")

      #expect(first.status == .exited(0), "\(first)")
      #expect(first.output.contains("4 rows good, 27 in quarantine"), "\(first)")
      let lines = first.output.split(separator: "\n").filter { $0.hasPrefix("line ") }
        .compactMap { Int($0.dropFirst(5).prefix { $0 != ":" }) }
      #expect(Set(lines) == Set(Self.faulty))
      #expect(lines.count { $0 == 29 } == 2)
      #expect(try second.json()["status"] == .string("unchanged"))
      #expect(try packed.json()["status"] == .string("unchanged"))
      let totals = try elsewhere.json()["totals"]
      #expect(try second.json()["totals"] == totals)
      #expect(totals?.asArray?.count == 1)
      #expect(totals?.asArray?.first?["records"] == .number("4"))
      #expect(totals?.asArray?.first?["effective"] == .string("32.123456789012345678"))
      let page = try chain.api().call("/v1/costs/imports/1/quarantine")
      let rows = String(decoding: page.body, as: UTF8.self).split(separator: "\r\n").dropFirst()
      #expect(Set(rows.compactMap { Int($0.prefix { $0 != "," }) }) == Set(Self.faulty))
    }

    @Test(.timeLimit(.minutes(1)))
    func `a later file of a source replaces its month, also with fewer rows`() throws {
      let chain = try Chain(upstream: 1)
      let whole = try String(
        contentsOfFile: Repository.path("demo/data/focus-2026-10.csv"), encoding: .utf8)
      let short = whole.split(separator: "\n").prefix(3).joined(separator: "\n") + "\n"
      let path = chain.folders.disk.file("short.csv")
      try short.write(toFile: path, atomically: true, encoding: .utf8)

      let first = try chain.weir(
        "import", Repository.path("demo/data/focus-2026-10.csv"), "--source", "a")
      let second = try chain.weir("import", path, "--source", "a", "--json")
      let period = try chain.api().call("/v1/periods/2026-10").json

      #expect(first.status == .exited(0), "\(first)")
      #expect(try second.json()["status"] == .string("stored"))
      let costs = period["costs"]?.asArray ?? []
      #expect(costs.map { $0["records"] } == [.number("2")], "\(period.canonicalText)")
    }

    @Test(.timeLimit(.minutes(1)))
    func `a folder and standard input are the same bill, and commands show what changed`() throws {
      let chain = try Chain(upstream: 1)
      let bill = Repository.path("demo/data/focus-2026-10.csv")
      let lines = try String(contentsOfFile: bill, encoding: .utf8).split(separator: "\n")
      let folder = chain.folders.disk.file("bill")
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      for (name, rows) in [("a.csv", lines[1..<4]), ("b.csv", lines[4...])] {
        let text = ([lines[0]] + rows).joined(separator: "\n") + "\n"
        try text.write(toFile: folder + "/" + name, atomically: true, encoding: .utf8)
      }
      let weir = try BuiltProduct.path("weir")
      let connection =
        "--server http://127.0.0.1:\(chain.allocatorPort) "
        + "--token-file \(chain.folders.token(.operator))"

      let whole = try chain.weir("import", folder, "--source", "a", "--json")
      let piped = try ChildProcess(
        "/bin/sh", ["-c", "cat '\(bill)' | '\(weir)' import - --source a --json \(connection)"],
        outputIn: chain.folders.disk.path)
      let pipedStatus = try piped.waitForExit()
      let half = try chain.weir("import", folder + "/a.csv", "--source", "a")
      let changes = try chain.weir("imports", "diffs", "3", "--json")

      #expect(whole.status == .exited(0), "\(whole)")
      #expect(try whole.json()["records"] == .integer(lines.count - 1))
      #expect(pipedStatus == .exited(0), "\(piped.errorOutput)")
      let answer = try JSONValue(parsing: Array(piped.output.utf8))
      #expect(answer["totals"] == (try whole.json()["totals"]))
      #expect(half.output.contains("changes against import"), "\(half)")
      let rows = try changes.json()["differences"]?.asArray?.first?["rows"]?.asArray ?? []
      let lost = rows.reduce(0) {
        $0 + ($1["records_after"]?.asInteger ?? 0) - ($1["records_before"]?.asInteger ?? 0)
      }
      #expect(lost == Int64(4 - lines.count))
      for (arguments, part) in [
        (["imports", "list"], "focus"), (["imports", "show", "1"], "rows good"),
        (["imports", "late", "2026-10"], "is not closed"),
        (["imports", "invoices", "2026-10"], "INVOICE"),
      ] {
        let shown = try chain.run(
          "weir", arguments + connection.split(separator: " ").map(String.init))
        #expect(shown.output.contains(part), "\(shown)")
      }
    }

    @Test(.timeLimit(.minutes(1)))
    func `SKU maps and series are loaded and shown by commands`() throws {
      let chain = try Chain(upstream: 1)
      let series = chain.folders.disk.file("series.csv")
      try "label,quantity,unit,period\nshop-a,1.5,GB-month,2026-10\nelse,2,GB-month,2026-10\n"
        .write(toFile: series, atomically: true, encoding: .utf8)
      let labels = chain.folders.disk.file("labels.csv")
      try "label,tenant\nshop-a,acme\n".write(toFile: labels, atomically: true, encoding: .utf8)
      _ = try chain.weir(
        "import", Repository.path("demo/data/focus-2026-10.csv"), "--source", "a")

      let set = try chain.weir("skus", "set", Repository.path("config/skus.example.csv"))
      let coverage = try chain.weir("skus", "coverage", "2026-10")
      let shown = try chain.weir("skus", "show")
      let loaded = try chain.weir(
        "drivers", "import", series, "--name", "gb", "--period", "2026-10", "--labels", labels)
      let list = try chain.weir("drivers", "list", "--period", "2026-10")
      let fetched = try chain.weir("drivers", "fetch", "gb", "--period", "2026-10")

      #expect(set.output.contains("5 rows"), "\(set)")
      #expect(coverage.output.contains("0.00 % of"), "\(coverage)")
      #expect(shown.output.hasPrefix("provider,service,sku"))
      #expect(loaded.output.contains("3.5 GB-month of 2 tenants"), "\(loaded)")
      #expect(list.output.contains("no tenant: else with 2"), "\(list)")
      #expect(fetched.status == .exited(1))
      #expect(fetched.errorOutput.contains("series.sources"), "\(fetched)")
    }

    private static func gzipped(_ chain: Chain) throws -> String {
      let copy = chain.folders.disk.file("\(UInt32.random(in: 0...UInt32.max)).csv")
      try FileManager.default.copyItem(atPath: bill, toPath: copy)
      let tool = try ChildProcess("/bin/gzip", [copy], outputIn: chain.folders.disk.path)
      guard try tool.waitForExit() == .exited(0) else {
        throw TestSupportError.process(tool.errorOutput)
      }
      return copy + ".gz"
    }
  }
}
