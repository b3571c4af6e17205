import Accounting
import Digest
import Foundation
import Testing

@testable import Allocator

@Suite struct StatementPageTests {
  @Test func `a page shows lines, usage, coverage and origin and loads nothing`() async throws {
    try await RunningAllocator.run { allocator in
      try await allocator.furnish()
      _ = try await allocator.close()
      let page = try await allocator.call("GET", "/v1/periods/2026-10/statements/acme.html").text

      for part in [
        "<h1>acme", "unregistered", "33.34", "33.333334", "compute", "upstream_cpu_us",
        "33.3333 %", "incomplete", "tied out", "edge-1", "no batch", "worked-example",
      ] {
        #expect(page.contains(part), "\(part)")
      }
      for part in ["<script", "src=", "href=", "http://", "https://", "url(", "@import"] {
        #expect(!page.contains(part), "\(part)")
      }
      if let path = ProcessInfo.processInfo.environment["WEIR_PAGE"] {
        try Data(page.utf8).write(to: URL(fileURLWithPath: path))
      }
    }
  }

  @Test func `many routes are listed one below the other`() async throws {
    try await RunningAllocator.run { allocator in
      let policy =
        World.policy.replacingOccurrences(
          of: "- {quantity: upstream_cpu_us, weight: 1}",
          with: """
            - {quantity: upstream_cpu_us, weight: 0.7}
                    - {quantity: response_bytes, weight: 0.3}
            """)
          + """

            - name: network
              match: {service: Mystery}
              method:
                kind: proportional
                drivers:
                  - {quantity: requests, weight: 1}
          """
      let set = try await allocator.call("PUT", "/v1/policy", text: policy)
      #expect(set.status == 200, "\(set.text)")
      _ = try await allocator.call("POST", "/v1/tenants", text: "id\nacme\n")
      _ = try await allocator.call("POST", "/v1/costs?source=cloud", body: World.costs)
      let routes = ["admin", "api", "assets", "login", "reports", "search"]
      _ = try await allocator.deliver(try World.batch(0, routes: routes))
      let closed = try await allocator.close()
      #expect(closed.status == 200, "\(closed.text)")

      let page = try await allocator.call("GET", "/v1/periods/2026-10/statements/acme.html").text

      #expect(page.contains("<th>Route</th><th>Quantity</th><th class=\"n\">Sum</th>"))
      for route in routes { #expect(page.contains("<td>\(route)</td><td>requests</td>")) }
      if let path = ProcessInfo.processInfo.environment["WEIR_PAGE"] {
        try Data(page.utf8).write(to: URL(fileURLWithPath: path + ".many.html"))
      }
    }
  }

  @Test func `names from documents are escaped wherever they stand`() async throws {
    try await RunningAllocator.run { allocator in
      let hostile = World.policy.replacingOccurrences(
        of: "name: worked-example", with: "name: \"<b onclick='x'>&\"")
      _ = try await allocator.call("PUT", "/v1/policy", text: hostile)
      _ = try await allocator.call("POST", "/v1/costs?source=cloud", body: World.costs)
      _ = try await allocator.deliver(try World.batch(0))
      _ = try await allocator.close()

      let page = try await allocator.call("GET", "/v1/periods/2026-10/statements/acme.html").text

      #expect(!page.contains("<b onclick"))
      #expect(page.contains("&lt;b onclick=&#39;x&#39;&gt;&amp;"))
    }
  }
}

@Suite struct StatementPageLayoutTests {
  @Test func `a page shows both views of cost and what is gone`() throws {
    let page = StatementPage(statement: try SampleStatement.make(lines: 12)).html
    for part in [
      "<h1>Acme GmbH</h1>", "Fully loaded cost", "Attributable cost",
      "Overhead, idle and other shared cost", "not in this period", ">new<", "% measured",
      "12\u{202F}345.67",
    ] {
      #expect(page.contains(part), "\(part)")
    }
    if let path = ProcessInfo.processInfo.environment["WEIR_PAGE"] {
      try Data(page.utf8).write(to: URL(fileURLWithPath: path + ".sample.html"))
    }
  }
}
