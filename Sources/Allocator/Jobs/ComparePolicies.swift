internal import Accounting
internal import Store

/// Allocates one month under two policies and compares who bears what. Nothing is stored.
struct ComparePolicies: Sendable {
  /// What it works on.
  let world: AllocatorWorld

  /// The policy in a text, or the current one without a text.
  ///
  /// Throws `policyInvalid` with the faults, each with `name` before it, or `policyMissing`.
  func policy(_ text: String?, named name: String) async throws -> Policy {
    guard let text else {
      guard let stored = try await world.store.policies.current() else {
        throw APIError.policyMissing
      }
      return try PolicyDocument.policy(stored.source)
    }
    do {
      return try PolicyDocument.policy(Array(text.utf8))
    } catch let error as PolicyFaults {
      throw APIError.policyInvalid(faults: error.faults.map { "\(name): \($0)" })
    } catch APIError.policyInvalid(let faults) {
      throw APIError.policyInvalid(faults: faults.map { "\(name): \($0)" })
    }
  }

  /// The difference that the second policy makes for a month.
  func run(
    _ period: Period, old: Policy, new: Policy, at now: UTCInstant
  ) async throws -> PolicyDifference {
    let loader = LoadPeriod(world: world)
    var results: [AllocationResult] = []
    for policy in [old, new] {
      let loaded = try await loader.run(period, at: now, basis: .trial(policy))
      guard let input = loaded.allocationInput else { throw APIError.policyMissing }
      results.append(try Allocation.allocate(input))
    }
    return try PolicyDifference(before: results[0], after: results[1])
  }
}
