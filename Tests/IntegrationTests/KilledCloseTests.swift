import Accounting
import Foundation
import PlainHTTP
import TestSupport
import Testing

extension Integration {
  @Suite("A close that is killed") struct KilledCloseTests {
    private static let months = 10

    @Test(.timeLimit(.minutes(4)))
    func `kill -9 at any moment leaves a month closed or not closed, and posts it once`() throws {
      let seed = TestSeed()
      let note: Comment = "\(seed)"
      var random = SplitMix64(seed: seed.value)
      let chain = try Chain(upstream: 1)
      _ = try chain.weir("policy", "set", Repository.path("demo/policy.yaml"))
      var entriesBefore = 0
      var entriesOfMonth: Int?
      var outcomes: [Bool] = []
      for number in 1...Self.months {
        let month = "2020-" + (number < 10 ? "0\(number)" : "\(number)")
        try Self.importBill(of: number, month, chain)
        let close = try Self.startClose(month, chain)
        usleep(UInt32.random(in: 10_000..<140_000, using: &random))
        try chain.killAllocator()
        try close.waitForExit(withinMilliseconds: 60_000)
        try chain.startAllocator()

        let isClosed = try Self.state(month, chain) == "closed"
        let entries = try Self.entries(chain)
        #expect(isClosed == (entries > entriesBefore), "\(seed) \(month)")
        let again = try chain.weir(
          "close", month, "--reason", "again", "--waive", "coverage-hole", "--waive",
          "rows-quarantined")
        #expect(again.status == .exited(isClosed ? 1 : 0), "\(seed) \(again)")
        let total = try Self.entries(chain)
        entriesOfMonth = entriesOfMonth ?? total - entriesBefore
        #expect(total - entriesBefore == entriesOfMonth, "\(seed) \(month)")
        let seal = chain.folders.disk.file("store/seals/\(month)-v1.json")
        let verified = try chain.weir(
          "ledger", "verify", "--seal", seal, "--store", chain.folders.store, connects: false)
        #expect(verified.status == .exited(0), "\(seed) \(verified)")
        entriesBefore = total
        outcomes.append(isClosed)
      }

      #expect(try chain.weir("ledger", "verify").status == .exited(0), note)
      // Printed, so that a run that never hit the middle of a close is seen.
      print("closed before the kill: \(outcomes)")
    }

    private static func importBill(of number: Int, _ month: String, _ chain: Chain) throws {
      let october = try String(
        contentsOfFile: Repository.path("demo/data/focus-2026-10.csv"), encoding: .utf8)
      let next = number == 12 ? "2021-01" : "2020-" + (number < 9 ? "0" : "") + "\(number + 1)"
      let bill = october.replacingOccurrences(of: "2026-10", with: month)
        .replacingOccurrences(of: "2026-11", with: next)
      let file = chain.folders.disk.file("bill-\(month).csv")
      try TextFile.write(bill, to: file)
      let imported = try chain.weir("import", file, "--source", "s\(number)")
      guard imported.status == .exited(0) else { throw TestSupportError.process("\(imported)") }
    }

    private static func startClose(_ month: String, _ chain: Chain) throws -> ChildProcess {
      try ChildProcess(
        try BuiltProduct.path("weir"),
        [
          "close", month, "--reason", "month end", "--waive", "coverage-hole", "--waive",
          "rows-quarantined", "--server",
          "http://127.0.0.1:\(chain.allocatorPort)", "--token-file",
          chain.folders.token(.operator),
        ], outputIn: chain.folders.disk.path)
    }

    private static func state(_ month: String, _ chain: Chain) throws -> String {
      try chain.api().call("/v1/periods/\(month)").json["state"]?.asString ?? ""
    }

    private static func entries(_ chain: Chain) throws -> Int {
      let verified = try chain.api().call("/v1/ledger/verify").json
      #expect(verified["sound"] == .bool(true))
      return Int(verified["entries"]?.asInteger ?? -1)
    }
  }
}
