internal import Usage

/// A batch file of the spool and everything its name says:
///
///     <instance>~<boot>~<worker>~<first sequence>~<last sequence>~<seconds>.weirbatch
///     …                                                                    .offered.weirbatch
///
/// `~` cannot occur in an instance, so the name is read back in one way. The seconds since 1970 say since when the
/// file is what it is: end of the interval while pending, time of acknowledgement in `acked/`.
struct SpoolFile: Hashable {
  let name: BatchName
  let lastSequence: UInt64
  var seconds: Int64
  /// Sent to the allocator at least once, as far as can be known: it may never be merged again.
  var isOffered: Bool

  static let suffix = ".weirbatch"
  static let offeredMark = ".offered"

  init(name: BatchName, lastSequence: UInt64, seconds: Int64, isOffered: Bool = false) {
    self.name = name
    self.lastSequence = lastSequence
    self.seconds = seconds
    self.isOffered = isOffered
  }

  /// Parses what `fileName` writes.
  init?(fileName: String) {
    guard fileName.hasSuffix(Self.suffix) else { return nil }
    var stem = fileName.dropLast(Self.suffix.count)
    let isOffered = stem.hasSuffix(Self.offeredMark)
    if isOffered { stem = stem.dropLast(Self.offeredMark.count) }
    let parts = stem.split(separator: "~", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 6, let name = BatchName(parts[0..<4].joined(separator: "/")),
      let lastSequence = UInt64(parts[4]), let seconds = Int64(parts[5]),
      lastSequence >= name.sequence
    else { return nil }
    self.init(name: name, lastSequence: lastSequence, seconds: seconds, isOffered: isOffered)
    guard self.fileName == fileName else { return nil }
  }

  /// The name in its folder.
  var fileName: String {
    "\(name.instance)~\(name.boot)~\(name.worker)~\(name.sequence)~\(lastSequence)~\(seconds)"
      + (isOffered ? Self.offeredMark : "") + Self.suffix
  }

  /// How many batch names the file stands for.
  var nameCount: UInt64 { lastSequence - name.sequence + 1 }

  /// Whether all names of `other` are names of this.
  func covers(_ other: SpoolFile) -> Bool {
    isOfSameWorker(other.name) && name.sequence <= other.name.sequence
      && lastSequence >= other.lastSequence
  }

  /// Whether this is one of the names the file stands for.
  func covers(_ other: BatchName) -> Bool {
    isOfSameWorker(other) && (name.sequence...lastSequence).contains(other.sequence)
  }

  private func isOfSameWorker(_ other: BatchName) -> Bool {
    name.boot == other.boot && name.worker == other.worker && name.instance == other.instance
  }
}
