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
