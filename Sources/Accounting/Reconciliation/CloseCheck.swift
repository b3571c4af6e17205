/// Where a period stands.
public enum PeriodState: String, CaseIterable, Hashable, Sendable {
  /// Usage and costs still come in.
  case open
  /// Provisional statements exist.
  case softClosed = "soft-closed"
  /// Frozen: usage, costs, rates and policy by hash.
  case closed
}

/// What is known when somebody wants to close a period. Defaults stand for "nothing is wrong here".
public struct CloseInput: Sendable {
  /// The period.
  public var period: Period
  /// Its state.
  public var state: PeriodState
  /// Whether a closed period is restated instead.
  public var isRestatement = false
  /// The time of the question, given by the caller.
  public var now: UTCInstant
  /// The policy, when there is a valid one.
  public var policy: Policy?
  /// Faults of the policy document, when there is an invalid one.
  public var policyFaults: [PolicyFault] = []
  /// The pooled costs, when there is a policy.
  public var costs: PooledCosts?
  /// Rows of cost files in quarantine that nobody has settled.
  public var quarantinedRows = 0
  /// Sources that have the same records, in words.
  public var twinBills: [String] = []
  /// Bills that a provider may still change, in words.
  public var openBills: [String] = []
  /// What the usage is made of.
  public var coverage: Coverage
  /// Proxies whose holes the operator has accepted by name.
  public var waivedInstances: Set<String> = []
  /// Batches under a known name with other bytes, kept aside.
  public var conflictingBatches = 0
  /// External series that are loaded.
  public var loadedSeries: Set<String> = []
  /// The names that proxies declared for the operator's units in the period, by position.
  public var declaredUnits: [[String]] = []
  /// The bridge of a trial allocation, when one was possible.
  public var bridge: Bridge?

  /// What is known about a period.
  public init(period: Period, state: PeriodState, now: UTCInstant, coverage: Coverage) {
    self.period = period
    self.state = state
    self.now = now
    self.coverage = coverage
  }
}

/// One reason why a period cannot close.
public struct CloseBlocker: Hashable, Sendable {
  /// A stable name, for example `period-not-over`.
  public let code: String
  /// What is in the way, in one line for an operator.
  public let message: String
}

/// Decides whether a period can close.
public enum CloseCheck {
  /// Every reason why it cannot, in the order in which an operator would settle them.
  public static func blockers(_ input: CloseInput) -> [CloseBlocker] {
    stateBlockers(input) + usageBlockers(input) + policyBlockers(input) + unitBlockers(input)
      + costBlockers(input) + bridgeBlockers(input)
  }

  private static func stateBlockers(_ input: CloseInput) -> [CloseBlocker] {
    var blockers: [CloseBlocker] = []
    if input.isRestatement, input.state != .closed {
      blockers.append(
        CloseBlocker(
          code: "period-not-closed",
          message: "\(input.period) is \(input.state.rawValue): there is nothing to restate"))
    }
    if !input.isRestatement, input.state == .closed {
      blockers.append(
        CloseBlocker(code: "period-closed", message: "\(input.period) is already closed"))
    }
    if input.now < input.period.end {
      blockers.append(
        CloseBlocker(
          code: "period-not-over", message: "\(input.period) ends at \(input.period.end)"))
    }
    return blockers
  }

  private static func usageBlockers(_ input: CloseInput) -> [CloseBlocker] {
    var blockers: [CloseBlocker] = []
    let holed = input.coverage.proxies.filter {
      !$0.holes.isEmpty && !input.waivedInstances.contains($0.instance)
    }
    for proxy in holed {
      let first = proxy.holes.first.map { "\($0.from) to \($0.to): \($0.reason)" } ?? ""
      blockers.append(
        CloseBlocker(
          code: "coverage-hole",
          message: "proxy \(proxy.instance) has \(proxy.holes.count) holes, the first \(first)"))
    }
    if input.conflictingBatches > 0 {
      blockers.append(
        CloseBlocker(
          code: "batch-conflict",
          message: "\(input.conflictingBatches) batches came twice with different bytes"))
    }
    return blockers
  }

  private static func policyBlockers(_ input: CloseInput) -> [CloseBlocker] {
    if let policy = input.policy {
      return policy.externalsInUse.filter { !input.loadedSeries.contains($0) }.map {
        CloseBlocker(
          code: "series-missing", message: "the external series \"\($0)\" is not loaded")
      }
    }
    if input.policyFaults.isEmpty {
      return [CloseBlocker(code: "policy-missing", message: "no policy is in force")]
    }
    return input.policyFaults.map {
      CloseBlocker(code: "policy-invalid", message: $0.description)
    }
  }

  private static func costBlockers(_ input: CloseInput) -> [CloseBlocker] {
    var blockers: [CloseBlocker] = []
    if input.quarantinedRows > 0 {
      blockers.append(
        CloseBlocker(
          code: "rows-quarantined",
          message: "\(input.quarantinedRows) rows of cost files are in quarantine"))
    }
    blockers += input.twinBills.map { CloseBlocker(code: "bill-twice", message: $0) }
    blockers += input.openBills.map { CloseBlocker(code: "bill-open", message: $0) }
    guard let costs = input.costs else { return blockers }
    if costs.inScope.records == 0, costs.foreign.isEmpty {
      blockers.append(
        CloseBlocker(
          code: "costs-missing", message: "no cost record is billed in \(input.period)"))
    }
    for (currency, tally) in costs.foreign.sorted(by: { $0.key < $1.key }) {
      blockers.append(
        CloseBlocker(
          code: "foreign-currency",
          message: "\(tally.records) records of \(tally.effective) \(currency) have no rate to "
            + "\(costs.currency)"))
    }
    for group in costs.unsettledSplits {
      blockers.append(
        CloseBlocker(
          code: "split-unsettled",
          message: "resource \(group.resource), charge from \(group.chargePeriodStart): split rows "
            + "sum to \(group.allocated.effective), their origin to \(group.origin.effective)"))
    }
    return blockers
  }

  private static func bridgeBlockers(_ input: CloseInput) -> [CloseBlocker] {
    guard let bridge = input.bridge, !bridge.tiesOut else { return [] }
    let reasons = bridge.reasons.isEmpty ? "" : ": " + bridge.reasons.joined(separator: "; ")
    return [
      CloseBlocker(
        code: "not-tied-out",
        message: "\(bridge.difference) \(bridge.currency) are unexplained\(reasons)")
    ]
  }
}
