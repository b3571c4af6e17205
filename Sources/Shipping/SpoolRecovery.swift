internal import Logging
internal import Usage

/// Reads the spool's directories at the start and removes what a stop left twice.
///
/// A merge writes the merged file, makes it durable, and then removes the parts; none of them was ever offered.
/// So when a file and parts of it are both there:
/// - a part was offered: the merge was given up before it was durable, and the merged file goes;
/// - no part was offered: the merge was stopped after it was durable, and the parts go.
struct SpoolRecovery {
  private let folder: SpoolFolder
  private let logger: Logger

  init(_ folder: SpoolFolder, logger: Logger) {
    self.folder = folder
    self.logger = logger
  }

  /// The index of what is there; afterwards all of it survives a loss of power.
  func index() throws(ShippingError) -> SpoolIndex {
    let pending = try batches(in: .pending)
    let acknowledged = try batches(in: .acknowledged)
    var index = SpoolIndex()
    for place in [SpoolFolder.Place.conflict, .rejected] {
      index.setAside += try batches(in: place).map(\.file)
    }
    let fixed = pending.map(\.file).filter(\.isOffered) + acknowledged.map(\.file) + index.setAside
    let merges = Merges(pending.map(\.file), fixed: fixed)
    var kept: [SpoolIndex.Entry] = []
    for (file, bytes) in pending {
      if merges.isLeftOver(file) {
        try folder.remove(file.fileName, .pending)
        logger.notice("what a merge left was removed", metadata: ["file": "\(file.fileName)"])
      } else {
        kept.append(.init(file: file, bytes: bytes, isMarkDurable: file.isOffered))
      }
    }
    index.load(
      pending: kept, acknowledged: acknowledged.map { .init(file: $0.file, bytes: $0.bytes) })
    for place in SpoolFolder.Place.allCases { try folder.sync(place) }
    return index
  }

  private func batches(
    in place: SpoolFolder.Place
  ) throws(ShippingError) -> [(file: SpoolFile, bytes: Int)] {
    try folder.batches(in: place) { path in
      logger.error(
        "a batch file has a name that the spool never gives", metadata: ["file": "\(path)"])
    }
  }

  /// The merged files: few, so that looking through them for each part is cheap.
  private struct Merges {
    private let finished: [SpoolFile]
    private let givenUp: Set<SpoolFile>

    /// `fixed` are files that can be no part of a merge any more.
    init(_ pending: [SpoolFile], fixed: [SpoolFile]) {
      let merged = pending.filter { $0.nameCount > 1 && !$0.isOffered }
      let givenUp = Set(merged.filter { file in fixed.contains { file.covers($0) } })
      self.givenUp = givenUp
      finished = merged.filter { !givenUp.contains($0) } + fixed.filter { $0.nameCount > 1 }
    }

    func isLeftOver(_ file: SpoolFile) -> Bool {
      if file.isOffered { return false }
      return givenUp.contains(file)
        || finished.contains { $0.nameCount > file.nameCount && $0.covers(file) }
    }
  }
}
