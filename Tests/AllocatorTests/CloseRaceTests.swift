import Accounting
import Digest
import Foundation
import Logging
import Store
import Testing
import Usage

@testable import Allocator

/// Inputs that change while a close computes.
@Suite struct CloseRaceTests {
  private static let order = ClosePeriod.Order(
    period: RunningAllocator.october, isDryRun: false, reason: "month end", actor: "anna",
    waived: ["coverage-hole", "bill-open", "batch-conflict"])

  private static let notice = """
    BillingPeriodStart,BillingPeriodEnd,BillingPeriodStatus,BillingPeriodCreated,\
    BillingPeriodLastUpdated,InvoiceIssuerName
    2026-10-01T00:00:00Z,2026-11-01T00:00:00Z,Open,2026-10-01T00:00:00Z,2026-11-01T06:00:00Z,Cloud

    """

  @Test(arguments: ["policy", "register", "notice", "conflict"])
  func `a close whose inputs are replaced between load and store is refused`(_ input: String)
    async throws
  {
    try await RunningAllocator.run { allocator in
      try await allocator.furnish()
      let world = AllocatorWorld(
        configuration: .onePerson, store: allocator.store,
        logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
        clock: { RunningAllocator.now })
      let job = ClosePeriod(world: world)

      await #expect(throws: StoreError.changedMeanwhile(period: "2026-10")) {
        _ = try await job.trial(Self.order, at: RunningAllocator.now) { trial in
          #expect(trial.result.blockers.isEmpty, "\(trial.result.blockers)")
          try await Self.replace(input, allocator)
          try await job.store(&trial, Self.order)
        }
      }
      #expect(try await allocator.store.ledger.head() == .empty)
    }
  }

  private static func replace(_ input: String, _ allocator: RunningAllocator) async throws {
    let answer =
      switch input {
      case "policy":
        try await allocator.call(
          "PUT", "/v1/policy", text: World.policy.replacingOccurrences(of: "keep", with: "even"))
      case "register":
        try await allocator.call("POST", "/v1/tenants", text: "id,name,plan\nacme,Acme,gold\n")
      case "notice": try await allocator.call("POST", "/v1/costs?source=cloud", text: notice)
      default: try await allocator.deliver(try World.batch(0, tenants: ["acme"]))
      }
    #expect(answer.status == 200 || answer.code == "batch_conflict", "\(answer.text)")
  }

  @Test func `an approval is for what was waived, not for its code alone`() {
    func digest(_ message: String, at now: UTCInstant = RunningAllocator.now) -> Digest256 {
      PostingProposal.digest(
        of: [], frozen: nil, waived: [.init(code: "coverage-hole", message: message)], reason: "r",
        at: now)
    }
    let later = UTCInstant(microseconds: RunningAllocator.now.microseconds + 1_000_000)

    #expect(digest("1 hole") != digest("2 holes"))
    #expect(digest("1 hole") == digest("1 hole", at: later))
    // A hole that lasts ends at the time of the question.
    #expect(digest("to \(RunningAllocator.now)") == digest("to \(later)", at: later))
  }
}
