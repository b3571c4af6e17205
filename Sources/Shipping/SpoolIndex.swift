internal import Usage

/// What the spool's directories hold, in memory.
struct SpoolIndex {
  /// One batch file.
  struct Entry {
    var file: SpoolFile
    let bytes: Int
    /// The mark `.offered` would survive a loss of power.
    var isMarkDurable = false
    /// Could not be read; left alone until the next sweep.
    var isUnreadable = false
    /// Does not merge with the batch after it.
    var isBarrier = false
  }

  /// Oldest first.
  private(set) var pending: [Entry] = []
  /// In order of acknowledgement.
  private(set) var acknowledged: [Entry] = []
  /// Set aside: conflict and rejected.
  var setAside: [SpoolFile] = []
  private(set) var pendingBytes = 0
  private(set) var acknowledgedBytes = 0

  /// Whether this name is in the spool in whatever state.
  func contains(_ name: BatchName) -> Bool {
    pending.contains { $0.file.covers(name) } || acknowledged.contains { $0.file.covers(name) }
      || setAside.contains { $0.covers(name) }
  }

  /// Puts an entry at its place by age.
  mutating func insert(pending entry: Entry) {
    var low = 0
    var high = pending.count
    while low < high {
      let middle = (low + high) / 2
      if Self.precedes(entry.file, pending[middle].file) { high = middle } else { low = middle + 1 }
    }
    pending.insert(entry, at: low)
    pendingBytes += entry.bytes
  }

  /// Appends an entry that was acknowledged last.
  mutating func append(acknowledged entry: Entry) {
    acknowledged.append(entry)
    acknowledgedBytes += entry.bytes
  }

  /// Fills an empty index; sorts once.
  mutating func load(pending: [Entry], acknowledged: [Entry]) {
    self.pending = pending.sorted { Self.precedes($0.file, $1.file) }
    self.acknowledged = acknowledged.sorted { Self.precedes($0.file, $1.file) }
    pendingBytes = pending.reduce(0) { $0 + $1.bytes }
    acknowledgedBytes = acknowledged.reduce(0) { $0 + $1.bytes }
  }

  /// The position of the pending file of this name.
  func position(ofPending name: BatchName) -> Int? {
    pending.firstIndex { $0.file.name == name }
  }

  /// Takes a pending entry out.
  mutating func removePending(at position: Int) -> Entry {
    let entry = pending.remove(at: position)
    pendingBytes -= entry.bytes
    return entry
  }

  /// Takes an acknowledged entry out.
  mutating func removeAcknowledged(at position: Int) -> Entry {
    let entry = acknowledged.remove(at: position)
    acknowledgedBytes -= entry.bytes
    return entry
  }

  /// Changes a pending entry in place; its age must stay.
  mutating func update(at position: Int, _ change: (inout Entry) -> Void) {
    let seconds = pending[position].file.seconds
    change(&pending[position])
    precondition(pending[position].file.seconds == seconds, "an entry cannot age in place")
  }

  /// Two adjacent batches that were never offered: those that cover the fewest names, the oldest first.
  func mergeable() -> (first: Int, second: Int)? {
    var positions: [BatchName: Int] = [:]
    for (position, entry) in pending.enumerated() where entry.mayMerge {
      positions[entry.file.name] = position
    }
    var best: (first: Int, second: Int, names: UInt64)?
    for (position, entry) in pending.enumerated() where entry.mayMerge && !entry.isBarrier {
      guard let next = entry.file.nextName, let second = positions[next] else { continue }
      let names = entry.file.nameCount + pending[second].file.nameCount
      if best == nil || names < best!.names { best = (position, second, names) }
    }
    return best.map { ($0.first, $0.second) }
  }

  private static func precedes(_ left: SpoolFile, _ right: SpoolFile) -> Bool {
    (left.seconds, left.name.worker, left.name.sequence)
      < (right.seconds, right.name.worker, right.name.sequence)
  }
}

extension SpoolIndex.Entry {
  /// Only batches never offered may be merged.
  fileprivate var mayMerge: Bool { !file.isOffered && !isUnreadable }
}

extension SpoolFile {
  /// The name of the batch after this one, nil at the end of numbers.
  fileprivate var nextName: BatchName? {
    lastSequence == .max
      ? nil
      : BatchName(
        instance: name.instance, boot: name.boot, worker: name.worker, sequence: lastSequence + 1)
  }
}
