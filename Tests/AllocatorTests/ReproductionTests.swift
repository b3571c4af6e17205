import Accounting
import Foundation
import Logging
import Store
import Testing

@testable import Allocator

/// Statements made again from what the store keeps.
@Suite struct ReproductionTests {
  /// The statements of a closed period, built anew from stored usage, costs, policy and entries.
  private static func rebuild(
    _ allocator: RunningAllocator, _ period: Period
  ) async throws -> StatementSet {
    let world = AllocatorWorld(
      configuration: .init(), store: allocator.store,
      logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
      clock: { RunningAllocator.now })
    let record = try await world.store.periods.record(of: period)
    let close = try #require(record.close)
    let document = try #require(try await world.store.policies.version(close.policy))
    let policy = try PolicyDocument.policy(document.source)
    let loaded = try await LoadPeriod(world: world).run(period, at: close.at)
    let costs = try await world.store.costs.scan(
      period, into: CostPooling(policy: policy, period: period)
    ) { pooling, row in try pooling.add(row) }.finish()
    let allocation = try Allocation.allocate(
      AllocationInput(costs: costs, policy: policy, usage: loaded.usage))
    let entries = try await world.store.ledger.entries(period: period, max: 100).map(\.entry)
    return try StatementBuilder.build(
      StatementInput(
        allocation: allocation, entries: entries.filter { $0.version == record.version },
        usage: loaded.usage, register: loaded.register, coverage: loaded.coverage,
        previous: loaded.previous, reconciliation: .tiedOut))
  }

  @Test func `each statement comes out byte for byte, whatever came after its close`()
    async throws
  {
    try await RunningAllocator.run { allocator in
      _ = try await allocator.call(
        "POST", "/v1/tenants", text: "id,name\nacme,Acme GmbH\nbolt,\n")
      try await allocator.furnish()
      #expect(try await allocator.close().status == 200)
      let stored = try await allocator.store.statements.headings(of: RunningAllocator.october)

      // Late usage and another policy must not reach what was issued.
      _ = try await allocator.deliver(try World.batch(3))
      let other = World.policy.replacing("upstream_cpu_us", with: "requests")
      #expect(try await allocator.call("PUT", "/v1/policy", text: other).status == 200)
      let rebuilt = try await Self.rebuild(allocator, RunningAllocator.october)

      #expect(rebuilt.statements.map(\.tenant) == stored.map(\.tenant))
      for statement in rebuilt.statements {
        let issued = try await allocator.store.statements.document(
          of: statement.tenant, period: RunningAllocator.october)
        #expect(statement.canonicalJSON() == issued)
      }
      let summary = try await allocator.store.statements.overview(of: RunningAllocator.october)
      #expect(rebuilt.summary.canonicalJSON() == summary.summary)
      #expect(rebuilt.statements.first?.name == "Acme GmbH")
    }
  }

  @Test func `the next month is compared with this one line by line`() async throws {
    try await RunningAllocator.run { allocator in
      try await allocator.furnish()
      #expect(try await allocator.close().status == 200)
      let november = String(decoding: World.costs, as: UTF8.self)
        .replacing("2026-11-01T", with: "2026-12-01T").replacing("2026-10-", with: "2026-11-")
        .replacing("60.00", with: "80.00")
      _ = try await allocator.call("POST", "/v1/costs?source=cloud", text: november)
      let start = RunningAllocator.october.end.microseconds
      _ = try await allocator.deliver(
        try World.batch(3, tenants: ["acme", "bolt"], start: start, routes: ["api", "files"]))
      let body = #"{"reason":"x","waive":["coverage-hole","period-not-over"]}"#
      let closed = try await allocator.call("POST", "/v1/periods/2026-11/close", text: body)
      #expect(closed.status == 200, "\(closed.text)")

      let statement = try Statement(
        canonicalJSON: try await allocator.store.statements.document(
          of: "acme", period: try Period(parsing: "2026-11")))

      let lines = statement.lines.map { line in
        [line.route ?? "-", line.amount.text, line.previous?.text ?? "new"].joined(separator: " ")
      }
      #expect(lines == ["api 30.000000 33.333334", "files 30.000000 new"])
      #expect(statement.comparison?.version == 1)
      #expect(statement.change?.text == "26.666666")
    }
  }
}
