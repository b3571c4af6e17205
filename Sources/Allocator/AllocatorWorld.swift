internal import Accounting
internal import Logging
internal import Store

/// What every handler and job works on.
struct AllocatorWorld: Sendable {
  /// The configuration.
  let configuration: AllocatorConfiguration
  /// The store.
  let store: EmbeddedStore
  /// The log.
  let logger: Logger
  /// The present.
  let clock: @Sendable () -> UTCInstant
  /// What happened since the start.
  let counters: ServerCounters
  /// What proxies say of their spools.
  let spoolDepths: SpoolDepths
  /// Bounds how many batches are decoded at once.
  let batchGate: Gate
  /// Bounds how many cost files are read at once.
  let importGate: Gate

  /// A world around a store.
  init(
    configuration: AllocatorConfiguration, store: EmbeddedStore, logger: Logger,
    clock: @escaping @Sendable () -> UTCInstant
  ) {
    self.configuration = configuration
    self.store = store
    self.logger = logger
    self.clock = clock
    counters = ServerCounters()
    spoolDepths = SpoolDepths()
    batchGate = Gate(name: "batches", limit: configuration.limits.concurrentBatches)
    importGate = Gate(name: "cost imports", limit: configuration.limits.concurrentImports)
  }
}
