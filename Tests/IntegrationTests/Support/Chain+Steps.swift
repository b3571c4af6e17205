import Accounting
import Foundation
import PlainHTTP
import TestSupport

extension Chain {
  /// Runs DemoTraffic through the proxy to its end, and reads its ledger.
  func sendTraffic(tenants: Int, scale: Double, seed: TestSeed) throws -> TrafficBooks {
    let traffic = try startTraffic(tenants: tenants, scale: scale, seed: seed)
    return try traffic.books()
  }

  /// Traffic that is on its way.
  struct RunningTraffic {
    /// The program.
    let process: ChildProcess
    /// Its ledger, once it has ended.
    let ledger: String

    /// Waits for the end, which must be a good one.
    func books() throws -> TrafficBooks {
      let status = try process.waitForExit(withinMilliseconds: 120_000)
      guard status == .exited(0) else {
        throw TestSupportError.process("traffic ended with \(status): \(process.output)")
      }
      return try TrafficBooks(ledger)
    }
  }

  /// Starts DemoTraffic through the proxy.
  func startTraffic(tenants: Int, scale: Double, seed: TestSeed) throws -> RunningTraffic {
    let ledger = folders.disk.file("traffic-\(UInt32.random(in: 0...UInt32.max)).json")
    let process = try ChildProcess(
      try BuiltProduct.path("DemoTraffic"),
      [
        "--proxy", "127.0.0.1:\(proxyPort)", "--tenants", "\(tenants)", "--scale", "\(scale)",
        "--seed", "\(seed.value)", "--ledger", ledger, "--seconds-max", "90",
      ], outputIn: folders.disk.path)
    return RunningTraffic(process: process, ledger: ledger)
  }

  /// Furnishes a month and closes it as the demo does.
  func closeMonth(_ month: CurrentMonth) throws -> JSONValue {
    try furnish(month)
    let closed = try weir(
      "close", month.text, "--reason", "test", "--waive", "period-not-over", "--waive",
      "coverage-hole", "--json")
    guard closed.status == .exited(0) else { throw TestSupportError.process("\(closed)") }
    return try closed.json()
  }

  /// Imports the demo's bill, moved to a month, its policy and its tenants.
  func furnish(_ month: CurrentMonth) throws {
    let october = try String(
      contentsOfFile: Repository.path("demo/data/focus-2026-10.csv"), encoding: .utf8)
    let bill = folders.disk.file("bill.csv")
    try TextFile.write(month.bill(from: october), to: bill)
    try expectDone(weir("import", bill, "--source", "nordlicht"))
    try expectDone(weir("policy", "set", Repository.path("demo/policy.yaml")))
    try expectDone(weir("tenants", "import", Repository.path("demo/tenants.csv")))
  }

  /// A figure of the proxy's metrics; the sum over its labels, or over those that contain `label`.
  func proxyMetric(_ name: String, label: String = "") throws -> UInt64 {
    let client = try RawClient(port: proxyAdminPort)
    defer { client.close() }
    try client.send("GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    return MetricsReading.sum(of: name, label: label, in: try client.readResponse().body)
  }

  private func expectDone(_ outcome: Outcome) throws {
    guard outcome.status == .exited(0) else { throw TestSupportError.process("\(outcome)") }
  }
}

/// The checkout that the tests were built from.
enum Repository {
  /// The path of one of its files.
  static func path(_ file: String) -> String {
    #filePath.split(separator: "/").dropLast(4).reduce("") { "\($0)/\($1)" } + "/\(file)"
  }
}
