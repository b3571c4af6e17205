public import Logging
public import Platform
import Synchronization
public import Usage

/// Batches on disk between their segment and the allocator's acknowledgement.
///
/// States are places, and every change of state is one rename:
///
///     add ──▶ pending ──▶ pending, offered ──▶ acked/ ──▶ removed after the retention
///               │  ▲            │   ▲             │
///          merge└──┘            │   └─────────────┘ the store lost it
///                               └──▶ conflict/ or rejected/, for a person
///
/// Any thread may call any method. Calls wait for each other and for the disk: not for a worker.
public final class Spool: Sendable {
  /// A batch to be delivered; durably marked as offered.
  public struct Offer: Sendable, Equatable {
    /// The idempotency key.
    public let name: BatchName
    /// How many names it stands for.
    public let nameCount: UInt64
    /// The batch as it travels.
    public let bytes: [UInt8]
  }

  /// Where the allocator's refusal puts a batch.
  public enum Refusal: Sendable {
    /// Other bytes are stored under the name.
    case conflict
    /// Its content is refused.
    case rejected
  }

  private struct State {
    var index = SpoolIndex()
    var store: StoreState?
    /// Parts of merged batches, and merges given up, whose removal failed.
    var stale: [SpoolFile] = []
    var merged: UInt64 = 0
    var isOverLimit = false
    var acknowledgedRemovedEarly: UInt64 = 0
  }

  private let folder: SpoolFolder
  /// Held as long as the spool is: two processes in one folder would ship twice.
  private let lockDescriptor: Int32
  private let syscalls: Syscalls
  private let bytesMax: Int
  private let acknowledgedBytesMax: Int
  private let retentionSeconds: Int64
  private let clock: Clock
  private let logger: Logger
  private let state: Mutex<State>
  /// The same figures for readers that must not wait for the disk.
  private let published = Mutex(SpoolStatus())

  /// Bound: merges after one `add`.
  private static let mergesMax = 16

  /// Opens a spool and settles what an earlier stop left half done.
  ///
  /// Throws `inUse` while another process has it; a successor tries again until that one has drained.
  public init(
    _ configuration: ShippingConfiguration, syscalls: Syscalls, clock: Clock, logger: Logger
  ) throws(ShippingError) {
    folder = try SpoolFolder(configuration.spoolDirectory, syscalls: syscalls)
    self.syscalls = syscalls
    let lock = try folder.lock()
    lockDescriptor = lock
    bytesMax = configuration.spoolBytesMax
    acknowledgedBytesMax = configuration.acknowledgedBytesMax
    retentionSeconds = Int64(configuration.acknowledgedRetentionSeconds)
    self.clock = clock
    self.logger = logger
    do throws(ShippingError) {
      var opened = State()
      opened.index = try SpoolRecovery(folder, logger: logger).index()
      opened.store = try Self.readStore(folder, logger)
      state = Mutex(opened)
    } catch {
      syscalls.close(lock)
      throw error
    }
    state.withLock { publish($0) }
  }

  deinit { syscalls.close(lockDescriptor) }

  /// The spool's figures as of the last change.
  public var status: SpoolStatus { published.withLock { $0 } }

  /// Makes an encoded batch durable under its name. After this its segment may go.
  ///
  /// A name that is already here, in whatever state, changes nothing: a segment whose removal a kill
  /// prevented is spooled once. `endMicroseconds` is the end of its interval.
  public func add(
    _ bytes: [UInt8], name: BatchName, lastSequence: UInt64, endMicroseconds: Int64
  ) throws(ShippingError) {
    try state.withLock { (state) throws(ShippingError) in
      if state.index.contains(name) { return }
      let file = SpoolFile(
        name: name, lastSequence: lastSequence, seconds: endMicroseconds / 1_000_000)
      try folder.write(bytes, as: file.fileName)
      state.index.insert(pending: .init(file: file, bytes: bytes.count))
      relieve(&state)
      publish(state)
    }
  }

  /// The oldest pending batch, durably marked as offered before it is handed out; nil when there is none.
  public func nextOffer() throws(ShippingError) -> Offer? {
    try state.withLock { (state) throws(ShippingError) -> Offer? in
      guard let position = state.index.pending.firstIndex(where: { !$0.isUnreadable }) else {
        return nil
      }
      do throws(ShippingError) {
        try markOffered(position, &state)
        let file = state.index.pending[position].file
        let bytes = try folder.read(file.fileName, .pending)
        return Offer(name: file.name, nameCount: file.nameCount, bytes: bytes)
      } catch {
        // The others are not held up; the sweep lets this one try again.
        state.index.update(at: position) { $0.isUnreadable = true }
        publish(state)
        throw error
      }
    }
  }

  private func markOffered(_ position: Int, _ state: inout State) throws(ShippingError) {
    let entry = state.index.pending[position]
    if !entry.file.isOffered {
      var marked = entry.file
      marked.isOffered = true
      try folder.move(entry.file.fileName, .pending, to: marked.fileName, .pending)
      state.index.update(at: position) { $0.file = marked }
    }
    if !entry.isMarkDurable {
      try folder.sync(.pending)
      state.index.update(at: position) { $0.isMarkDurable = true }
    }
  }

  /// Keeps a batch that the allocator has stored for as long as the retention says.
  public func acknowledge(_ offer: Offer) throws(ShippingError) {
    try state.withLock { (state) throws(ShippingError) in
      guard let position = state.index.position(ofPending: offer.name) else { return }
      var file = state.index.pending[position].file
      let before = file.fileName
      file.isOffered = false
      file.seconds = nowSeconds
      try folder.move(before, .pending, to: file.fileName, .acknowledged)
      let entry = state.index.removePending(at: position)
      state.index.append(acknowledged: .init(file: file, bytes: entry.bytes))
      publish(state)
      settle([.acknowledged, .pending])
    }
  }

  /// Puts a batch aside that the allocator will not store. Nothing removes it but a person.
  public func setAside(_ offer: Offer, _ refusal: Refusal) throws(ShippingError) {
    try state.withLock { (state) throws(ShippingError) in
      guard let position = state.index.position(ofPending: offer.name) else { return }
      let place: SpoolFolder.Place = refusal == .conflict ? .conflict : .rejected
      let file = state.index.pending[position].file
      try folder.move(file.fileName, .pending, to: file.fileName, place)
      _ = state.index.removePending(at: position)
      state.index.setAside.append(file)
      publish(state)
      settle([place, .pending])
    }
  }

  /// Takes in what the store says of itself; when it has lost something, all kept batches become pending.
  ///
  /// `newNames` is how many names the store has taken in with this answer. Returns how many
  /// batches will be offered again.
  func learn(_ store: StoreState, newNames: UInt64) throws(ShippingError) -> Int {
    try state.withLock { (state) throws(ShippingError) -> Int in
      let isWhole = state.store.map { known in
        known.epoch == store.epoch && store.position >= known.position
          && store.position - known.position >= newNames
      }
      if isWhole == true && state.store == store { return 0 }
      var count = 0
      while isWhole != true, !state.index.acknowledged.isEmpty {
        try offerAgain(at: state.index.acknowledged.count - 1, &state)
        count += 1
      }
      if count > 0 { try folder.sync(.pending) }
      publish(state)
      // Written last: a stop before this finds the old state and offers the rest again.
      try folder.write(Array(store.text.utf8), as: StoreState.fileName)
      state.store = store
      return count
    }
  }

  /// Makes an acknowledged batch of this name pending again; false when it is not kept any more.
  func offerAgain(_ name: BatchName) throws(ShippingError) -> Bool {
    try state.withLock { (state) throws(ShippingError) -> Bool in
      if let position = state.index.acknowledged.firstIndex(where: { $0.file.covers(name) }) {
        try offerAgain(at: position, &state)
        publish(state)
        return true
      }
      return state.index.contains(name)
    }
  }

  private func offerAgain(at position: Int, _ state: inout State) throws(ShippingError) {
    var file = state.index.acknowledged[position].file
    let before = file.fileName
    file.isOffered = true
    file.seconds = nowSeconds
    try folder.move(before, .acknowledged, to: file.fileName, .pending)
    let entry = state.index.removeAcknowledged(at: position)
    state.index.insert(pending: .init(file: file, bytes: entry.bytes))
  }

  /// Removes what has been kept long enough. Call it about once a minute.
  public func sweep() {
    state.withLock { state in
      let horizon = nowSeconds - retentionSeconds
      while let oldest = state.index.acknowledged.first {
        let isOld = oldest.file.seconds <= horizon
        if !isOld && state.index.acknowledgedBytes <= acknowledgedBytesMax { break }
        guard remove(oldest.file, .acknowledged) else { break }
        _ = state.index.removeAcknowledged(at: 0)
        if !isOld { state.acknowledgedRemovedEarly += 1 }
      }
      state.stale.removeAll { remove($0, .pending) }
      for position in state.index.pending.indices where state.index.pending[position].isUnreadable {
        state.index.update(at: position) { $0.isUnreadable = false }
      }
      publish(state)
    }
  }

  /// Merges until the limit is kept, or nothing more can be merged.
  private func relieve(_ state: inout State) {
    var merges = 0
    while state.index.pendingBytes > bytesMax, merges < Self.mergesMax,
      let pair = state.index.mergeable()
    {
      merges += 1
      do throws(ShippingError) {
        try merge(pair.first, pair.second, &state)
      } catch {
        logger.error("batches were not merged", metadata: ["error": "\(error)"])
        guard case .batch = error else { break }
        state.index.update(at: pair.first) { $0.isBarrier = true }
      }
    }
    let isOverLimit = state.index.pendingBytes > bytesMax
    if isOverLimit && !state.isOverLimit {
      logger.error(
        "the spool is above its limit and keeps growing",
        metadata: ["bytes": "\(state.index.pendingBytes)", "limit": "\(bytesMax)"])
    }
    state.isOverLimit = isOverLimit
  }

  /// The merged file is durable before a part goes; a part that a stop leaves behind is covered by the
  /// merged file and goes at the next start.
  private func merge(_ first: Int, _ second: Int, _ state: inout State) throws(ShippingError) {
    let parts = [state.index.pending[first].file, state.index.pending[second].file]
    var batches: [Batch] = []
    for part in parts {
      let bytes = try folder.read(part.fileName, .pending)
      do throws(BatchError) { batches.append(try BatchCodec.decode(bytes)) } catch {
        throw .batch(error, path: part.fileName)
      }
    }
    let merged: [UInt8]
    do throws(BatchError) { merged = try BatchCodec.encode(Batch.merge(batches)) } catch {
      throw .batch(error, path: parts[0].fileName)
    }
    let file = SpoolFile(
      name: parts[0].name, lastSequence: parts[1].lastSequence, seconds: parts[0].seconds)
    do throws(ShippingError) { try folder.write(merged, as: file.fileName) } catch {
      // Its name may be there already; the parts stay what counts, and the sweep tries again.
      if !remove(file, .pending) { state.stale.append(file) }
      throw error
    }
    state.stale.removeAll { $0 == file }
    for position in [first, second].sorted(by: >) {
      _ = state.index.removePending(at: position)
    }
    state.index.insert(pending: .init(file: file, bytes: merged.count))
    state.stale += parts.filter { !remove($0, .pending) }
    state.merged += 1
    logger.warning(
      "the spool is at its limit: batches were merged",
      metadata: ["batch": "\(file.name)", "last_sequence": "\(file.lastSequence)"])
  }

  private func remove(_ file: SpoolFile, _ place: SpoolFolder.Place) -> Bool {
    do throws(ShippingError) {
      try folder.remove(file.fileName, place)
      return true
    } catch {
      logger.error("a file was not removed", metadata: ["error": "\(error)"])
      return false
    }
  }

  /// Makes a move durable where it does no harm if it is not: the allocator is asked again.
  private func settle(_ places: [SpoolFolder.Place]) {
    for place in places {
      do throws(ShippingError) { try folder.sync(place) } catch {
        logger.warning("a move is not durable yet", metadata: ["error": "\(error)"])
      }
    }
  }

  private var nowSeconds: Int64 { clock.wallMicroseconds() / 1_000_000 }

  private func publish(_ state: State) {
    let status = SpoolStatus(
      pendingBatches: state.index.pending.count, pendingBytes: state.index.pendingBytes,
      oldestPendingSeconds: state.index.pending.first?.file.seconds,
      acknowledgedBatches: state.index.acknowledged.count,
      acknowledgedBytes: state.index.acknowledgedBytes,
      setAsideBatches: state.index.setAside.count, mergedBatches: state.merged,
      isOverLimit: state.isOverLimit, acknowledgedRemovedEarly: state.acknowledgedRemovedEarly,
      unreadableBatches: state.index.pending.count { $0.isUnreadable })
    published.withLock { $0 = status }
  }

  private static func readStore(
    _ folder: SpoolFolder, _ logger: Logger
  ) throws(ShippingError) -> StoreState? {
    guard let bytes = try folder.readIfPresent(StoreState.fileName) else { return nil }
    let path = "\(folder.path)/\(StoreState.fileName)"
    let store = try StoreState(text: String(decoding: bytes, as: UTF8.self), path: path)
    if store == nil {
      logger.error("the spool's state file is damaged: kept batches will be offered again")
    }
    return store
  }
}
