import Accounting
import Foundation
import Store
import Testing
import Usage

/// Units of the operator's own: what proxies declare in a month, and what the policy wants of it.
@Suite struct UnitNameTests {
  private static let policy = """
    version: 1
    name: by-tokens
    currency: USD
    units: [tokens]
    pools:
      - name: all
        method:
          kind: proportional
          drivers:
            - {quantity: tokens, weight: 1}
    """

  private static func batch(
    _ sequence: UInt64, named name: String, start: Int64? = nil
  ) throws -> Batch {
    var batch = try World.batch(sequence, tenants: ["acme"], start: start)
    batch.units = [UnitDeclaration(name: name, unit: "1")]
    batch.rows[0][.units0] = 7
    batch.listeners[0].quantities[Int(Usage.Quantity.units0.rawValue)] = 7
    return batch
  }

  @Test func `a close waits for the unit that the policy uses, and other months do not matter`()
    async throws
  {
    try await RunningAllocator.run { allocator in
      _ = try await allocator.call("PUT", "/v1/policy", text: Self.policy)
      _ = try await allocator.call("POST", "/v1/costs?source=cloud", body: World.costs)
      let september = RunningAllocator.october.start.microseconds - 86_400_000_000
      _ = try await allocator.deliver(try Self.batch(0, named: "images", start: september))
      _ = try await allocator.deliver(try Self.batch(1, named: "tokens"))

      let ready = try await allocator.close(dryRun: true)
      _ = try await allocator.deliver(try Self.batch(2, named: "images"))
      let blocked = try await allocator.close()
      let body = #"{"reason":"r","waive":["unit-unknown"]}"#
      let waived = try await allocator.call("POST", "/v1/periods/2026-10/close", text: body)

      #expect(ready.json?["blockers"] == .array([]), "\(ready.text)")
      #expect(ready.json?["totals"]?["unallocated"] == .string("0.000000"), "\(ready.text)")
      #expect(blocked.code == "close_blocked" && blocked.text.contains("unit-unknown"))
      #expect(blocked.text.contains("tokens") && blocked.text.contains("images"))
      #expect(waived.status == 400 && waived.code == "invalid", "\(waived.text)")
    }
  }
}
