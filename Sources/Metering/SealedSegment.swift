import Platform
public import Usage

/// A segment that nobody writes any more: ready to become a batch.
///
/// It stays until `remove()`: on the disk when it could be made durable, else in memory. Reading it maps
/// the file for as long as the rows are held, so that waiting segments cost no memory.
public final class SealedSegment: Sendable {
  /// Name, interval, flags, units, listener totals: everything of the batch but its rows.
  public let head: BatchHead
  /// |sum of rows - listeners' total|, in the order of `MeteringMetrics.conservationDifferences`.
  public let conservationDifferences: [UInt64]
  /// Whether it is on the disk already; if not, a loss of power loses it, and if it is volatile, a kill too.
  public let isDurable: Bool

  private let source: Source
  private let paths: [String]
  private let syscalls: Syscalls

  private enum Source: Sendable {
    case file(String)
    case memory(SegmentImage)
  }

  /// A segment of which a durable copy stands at `path`.
  init(_ image: SegmentImage, durableAt path: String, syscalls: Syscalls) {
    head = image.batchHead
    conservationDifferences = SegmentConservation.differences(image)
    isDurable = true
    source = .file(path)
    paths = [path]
    self.syscalls = syscalls
  }

  /// A segment that could not be made durable; `path` is its file in the active directory, if it has one.
  init(_ image: SegmentImage, inMemoryAt path: String?, syscalls: Syscalls) {
    head = image.batchHead
    conservationDifferences = SegmentConservation.differences(image)
    isDurable = false
    source = .memory(image)
    paths = path.map { [$0] } ?? []
    self.syscalls = syscalls
  }

  /// The name of the batch that it becomes.
  public var name: BatchName { head.name }
  /// What happened to it.
  public var flags: BatchFlags { head.flags }
  /// What it covers.
  public var interval: BatchInterval { head.interval }
  /// The totals of each listener.
  public var listeners: [ListenerTotals] { head.listeners }
  /// The sum of `conservationDifferences`: 0 in a right meter.
  public var conservationDifference: UInt64 { conservationDifferences.reduce(0, &+) }

  /// The rows in the order of a batch. The mapping lives as long as the value returned.
  public func rows() throws(MeteringError) -> SegmentRows {
    switch source {
    case .memory(let image): SegmentRows(image)
    case .file(let path): SegmentRows(try SegmentImage.open(path, syscalls: syscalls))
    }
  }

  /// Removes the segment: what it became is durable elsewhere. A file that stays because of an error is found by
  /// the next start and shipped again under the same name, which changes nothing.
  public func remove() throws(MeteringError) {
    for path in paths {
      do throws(SystemError) {
        try syscalls.unlink(path)
      } catch {
        throw .system(error, path: path)
      }
    }
  }
}

extension SegmentImage {
  /// Everything of the batch but its rows.
  var batchHead: BatchHead {
    BatchHead(
      name: name, interval: interval, flags: flags, predecessor: predecessor, units: units,
      listeners: listenerTotals)
  }
}
