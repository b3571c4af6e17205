import Accounting
import Foundation
import HTTPClient
import Store
import Testing

/// A bearer who may read what is one tenant's.
@Suite struct TenantTokenTests {
  @Test func `it reads its own statements and usage, and of others nothing is there`() async throws
  {
    try await RunningAllocator.run { allocator in
      try await allocator.furnish()
      _ = try await allocator.close()
      let statements = "/v1/periods/2026-10/statements"
      let window = "/v1/usage?from=2026-10-01&to=2026-11-01"

      let list = try await allocator.call("GET", statements, as: .tenant)
      let tenants = (list.json?["statements"]?.asArray ?? []).compactMap { $0["tenant"]?.asString }
      #expect(tenants == ["acme"])
      for form in ["json", "csv", "html", "pdf"] {
        let own = try await allocator.call("GET", "\(statements)/acme?format=\(form)", as: .tenant)
        let other = try await allocator.call(
          "GET", "\(statements)/bolt?format=\(form)", as: .tenant)
        let none = try await allocator.call(
          "GET", "\(statements)/nobody?format=\(form)", as: .tenant)
        #expect(own.status == 200)
        #expect(other.status == 404 && none.status == 404)
        #expect(other.text.replacing("bolt", with: "nobody") == none.text)
      }
      let usage = try await allocator.call("GET", window, as: .tenant)
      #expect(usage.text.contains("acme") && !usage.text.contains("bolt"))
      let byRoute = try await allocator.call("GET", window + "&group=route", as: .tenant)
      #expect(byRoute.text.contains(#""requests":6"#))
      let others = try await allocator.call("GET", window + "&tenant=bolt", as: .tenant)
      #expect(others.status == 404)
    }
  }

  @Test func `each of its reads is an audit record under its name`() async throws {
    try await RunningAllocator.run { allocator in
      try await allocator.furnish()
      _ = try await allocator.close()
      _ = try await allocator.call("GET", "/v1/periods/2026-10/statements", as: .tenant)
      _ = try await allocator.call("GET", "/v1/periods/2026-10/statements/acme.csv", as: .tenant)
      _ = try await allocator.call(
        "GET", "/v1/usage?from=2026-10-01&to=2026-11-01", as: .tenant)

      let audit = try await allocator.call("GET", "/v1/audit?limit=3")
      let records = (audit.json?["records"]?.asArray ?? []).map { record in
        ["by", "action"].map { record[$0]?.asString ?? "" }.joined(separator: " ")
      }

      #expect(
        records.sorted() == [
          "tenant statement.read", "tenant statement.read", "tenant usage.read",
        ])
    }
  }

  @Test(
    arguments: [
      #"{"role":"tenant"}"#, #"{"role":"reader","tenant":"acme"}"#,
      #"{"role":"tenant","tenant":"~invalid"}"#, #"{"role":"tenant","tenant":""}"#,
    ])
  func `a tenant goes with its role and no other`(_ body: String) async throws {
    try await RunningAllocator.run { allocator in
      let made = try await allocator.call("POST", "/v1/tokens", text: body)
      #expect(made.status == 400 && made.code == "invalid")
    }
  }

  @Test func `one made through the API reads its tenant's statement until it is revoked`()
    async throws
  {
    try await RunningAllocator.run { allocator in
      try await allocator.furnish()
      _ = try await allocator.close()
      let made = try await allocator.call(
        "POST", "/v1/tokens", text: #"{"role":"tenant","tenant":"bolt","name":"portal of bolt"}"#)
      let secret = try #require(made.json?["secret"]?.asString)
      let id = try #require(made.json?["id"]?.asString)
      #expect(made.json?["tenant"]?.asString == "bolt")
      let field = [HTTPRequest.Field("Authorization", "Bearer \(secret)")]
      let path = "/v1/periods/2026-10/statements/"

      let own = try await allocator.call("GET", path + "bolt", as: nil, headers: field)
      let other = try await allocator.call("GET", path + "acme", as: nil, headers: field)
      _ = try await allocator.call("DELETE", "/v1/tokens/\(id)")
      let revoked = try await allocator.call("GET", path + "bolt", as: nil, headers: field)

      #expect(own.status == 200 && other.status == 404 && revoked.status == 401)
    }
  }
}
