import Foundation
import TestSupport
import Testing

/// The client's books and the application's are what the proxy is judged by, so first they are held against each other.
@Suite("Ledgers of the demo")
struct DemoLedgerTests {
  @Test func `client and application count the same bytes when nothing stands between them`() throws
  {
    let seed = TestSeed()
    let directory = try TemporaryDirectory()
    let app = try ChildProcess(
      try BuiltProduct.path("SampleApp"),
      [
        "--port-file", directory.file("port"), "--ledger", directory.file("app.json"),
        "--tenant-header", "X-Tenant",
      ], outputIn: directory.path)
    let port = try app.waitForFile(directory.file("port"))

    let traffic = try ChildProcess(
      try BuiltProduct.path("DemoTraffic"),
      [
        "--proxy", "127.0.0.1:\(port)", "--tenants", "20", "--scale", "0.1",
        "--seed", "\(seed.value)", "--ledger", directory.file("client.json"),
      ], outputIn: directory.path)
    let status = try traffic.waitForExit(withinMilliseconds: 60_000)
    app.terminate()
    try app.waitForExit()

    #expect(status == .exited(0), "\(seed) \(traffic.output)")
    let client = try Ledger(directory.file("client.json"))
    let served = try Ledger(directory.file("app.json"))
    for field in Ledger.shared {
      #expect(client.total[field] == served.total[field], "\(seed) \(field)")
      for (tenant, account) in client.tenants where account["identity"] as? String == "header" {
        let mine = (account["total"] as? [String: Any])?[field] as? Int
        let theirs = served.tenants[tenant]?[field] as? Int
        #expect(mine == theirs && mine != nil, "\(seed) \(tenant) \(field)")
      }
    }
    #expect(client.total["tunnel_bytes_sent"] == served.total["tunnel_bytes_in"], "\(seed)")
    #expect(client.tenants["~unattributed"] != nil && client.tenants["~invalid"] != nil)
  }

  /// One of the two JSON documents.
  private struct Ledger {
    /// What both sides count in the same words.
    static let shared = [
      "requests", "request_bytes", "response_bytes", "request_body_bytes", "response_body_bytes",
    ]
    let total: [String: Int]
    let tenants: [String: [String: Any]]

    init(_ path: String) throws {
      let data = try Data(contentsOf: URL(fileURLWithPath: path))
      let document = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
      total = try #require(document["total"] as? [String: Int])
      tenants = try #require(document["tenants"] as? [String: [String: Any]])
    }
  }
}
