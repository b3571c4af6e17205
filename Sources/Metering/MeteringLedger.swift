import Platform
import Synchronization
import Usage

/// What the service knows about its own work: figures, totals of segments that are gone, and whom to tell.
final class MeteringLedger: Sendable {
  private struct State {
    var metrics = MeteringMetrics()
    var sums: [ListenerTotals]
  }
  private let state: Mutex<State>
  private let report: @Sendable (MeteringEvent) -> Void

  /// A ledger of these listeners; those that come later join with their first segment.
  init(listeners: [String], report: @escaping @Sendable (MeteringEvent) -> Void) {
    self.report = report
    state = Mutex(State(sums: listeners.map { ListenerTotals(listener: $0) }))
  }

  /// Tells the operator.
  func tell(_ event: MeteringEvent) { report(event) }

  /// Changes the figures.
  func update(_ body: (inout MeteringMetrics) -> Void) {
    state.withLock { body(&$0.metrics) }
  }

  /// Adds a sealed segment of this process to the sums and takes it out of its slot, in one step: a
  /// snapshot sees it once.
  func account(_ storage: SegmentStorage, slot: WorkerSlot) {
    state.withLock { state in
      Self.add(storage, to: &state.sums, isLast: false)
      slot.segments.withLock { segments in
        segments.removeAll { $0 === storage }
      }
    }
  }

  /// Takes note of a segment that is about to be delivered.
  func noteSealed(_ segment: SealedSegment, failure: SystemError?) {
    state.withLock { state in
      state.metrics.sealedSegments += 1
      if segment.flags.contains(.recovered) { state.metrics.recoveredSegments += 1 }
      if segment.flags.contains(.volatile) { state.metrics.volatileSegments += 1 }
      if failure != nil { state.metrics.sealFailures += 1 }
      for (column, difference) in segment.conservationDifferences.enumerated() {
        state.metrics.conservationDifferences[column] &+= difference
      }
    }
    if let failure { tell(.sealFailed(segment.name, failure)) }
    if segment.flags.contains(.clockStepped) { tell(.clockStepped(segment.name)) }
    if segment.conservationDifference != 0 {
      let columns = segment.conservationDifferences.enumerated().filter { $0.element != 0 }
        .map { "\(SegmentConservation.name(ofColumn: $0.offset)): \($0.element)" }
      tell(.conservationBroken(segment.name, columns))
    }
    let open = segment.listeners.reduce(0) { $0 &+ $1.openEnd }
    if segment.flags.contains(.final) && open != 0 {
      tell(.openAtClose(segment.name, exchanges: open))
    }
  }

  /// The figures of this moment.
  func snapshot(slots: [WorkerSlot]) -> MeteringMetrics {
    state.withLock { state in
      var metrics = state.metrics
      metrics.listeners = state.sums
      for slot in slots {
        metrics.overflowedLookups &+= slot.overflowedLookups.load(ordering: .relaxed)
        metrics.displacedObservations &+= slot.displacedObservations.load(ordering: .relaxed)
        let segments = slot.segments.withLock { $0.filter { $0.phase != .prepared } }
        for (position, storage) in segments.enumerated() {
          Self.add(storage, to: &metrics.listeners, isLast: position == segments.count - 1)
        }
      }
      return metrics
    }
  }

  /// Adds a segment's totals; exchanges open now are those of the newest segment only.
  private static func add(
    _ storage: SegmentStorage, to sums: inout [ListenerTotals], isLast: Bool
  ) {
    for (listener, name) in storage.plan.listeners.enumerated() {
      if listener == sums.count { sums.append(ListenerTotals(listener: name)) }
      let totals = SegmentTotals.listener(
        sums[listener].listener,
        at: storage.plan.listenersOffset + listener * SegmentLayout.listenerBytes,
        in: storage.memory)
      for index in 0..<Quantity.count {
        sums[listener].quantities[index] &+= totals.quantities[index]
      }
      for index in 0..<ConnectionQuantity.count {
        sums[listener].connectionQuantities[index] &+= totals.connectionQuantities[index]
      }
      sums[listener].observations &+= totals.observations
      if isLast { sums[listener].openEnd &+= totals.openEnd }
    }
  }
}
