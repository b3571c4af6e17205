import Accounting
import Foundation
import HTTPClient
import Store
import Testing

@Suite struct PolicyAndRegisterTests {
  @Test func `a policy check explains and stores nothing`() async throws {
    try await RunningAllocator.run { allocator in
      let answer = try await allocator.call(
        "POST", "/v1/policy/check", as: .reader, text: World.policy)

      #expect(answer.status == 200)
      #expect((answer.json?["explanation"]?.asArray ?? []).count >= 3)
      #expect(try await allocator.call("GET", "/v1/policy").code == "policy_missing")
    }
  }

  @Test func `every fault of a policy is named with its place`() async throws {
    try await RunningAllocator.run { allocator in
      let text = World.policy
        .replacingOccurrences(of: "upstream_cpu_us", with: "moonlight")
        .replacingOccurrences(of: "currency: USD", with: "currency: Gold\ncolour: red")

      let answer = try await allocator.call("PUT", "/v1/policy", text: text)

      #expect(answer.status == 422)
      #expect(answer.code == "policy_invalid")
      let faults = (answer.json?["error"]?["details"]?.asArray ?? []).compactMap(\.asString)
      #expect(faults.count >= 3, "\(faults)")
      #expect(faults.contains { $0.contains("moonlight") && $0.contains("line") })
      #expect(try await allocator.call("GET", "/v1/policy").code == "policy_missing")
    }
  }

  @Test(arguments: ["a: [", "\u{0}", "a: b: c"])
  func `a document that is not YAML is refused`(_ text: String) async throws {
    try await RunningAllocator.run { allocator in
      let answer = try await allocator.call("POST", "/v1/policy/check", text: text)

      #expect(answer.status == 422)
      #expect(answer.code == "policy_invalid")
    }
  }

  @Test func `the register comes in and goes out as CSV`() async throws {
    try await RunningAllocator.run { allocator in
      let file = "id,name,plan\r\nacme,\"A, Ltd\",gold\r\nbolt,,\r\n"

      let first = try await allocator.call("POST", "/v1/tenants", text: file)
      let second = try await allocator.call("POST", "/v1/tenants", text: file)
      let list = try await allocator.call(
        "GET", "/v1/tenants", as: .reader, headers: [.init("Accept", "text/csv")])

      #expect(first.json?["added"] == .number("2"))
      #expect(second.json?["added"] == .number("0"))
      #expect(list.text == file)
    }
  }

  @Test func `a registered tenant is not marked on its statement`() async throws {
    try await RunningAllocator.run { allocator in
      _ = try await allocator.call("POST", "/v1/tenants", text: "id\nacme\n")
      try await allocator.furnish()
      _ = try await allocator.close()
      let path = "/v1/periods/2026-10/statements/"

      let acme = try await allocator.call("GET", path + "acme").json
      let bolt = try await allocator.call("GET", path + "bolt").json

      #expect(acme?["registered"] == .bool(true))
      #expect(bolt?["registered"] == .bool(false))
    }
  }

  @Test func `a backup through the API is a store`() async throws {
    try await RunningAllocator.run { allocator in
      try await allocator.furnish()

      let answer = try await allocator.call("GET", "/v1/backup")

      #expect(answer.status == 200)
      #expect(answer.text.hasPrefix("SQLite format 3"))
      let left = try FileManager.default.contentsOfDirectory(atPath: allocator.folder.path)
      #expect(!left.contains { $0.contains("backup") })
    }
  }

  @Test func `health and metrics need no token and name no tenant`() async throws {
    try await RunningAllocator.run { allocator in
      try await allocator.furnish()

      #expect(try await allocator.admin("/healthz").text == "ok\n")
      #expect(try await allocator.admin("/readyz").text == "ready\n")
      let metrics = try await allocator.admin("/metrics").text
      #expect(metrics.contains("weir_allocator_rows_total 9\n"))
      #expect(metrics.contains("weir_allocator_proxy_silent{instance=\"edge-1\"} 0\n"))
      for tenant in World.tenants { #expect(!metrics.contains(tenant)) }
    }
  }
}
