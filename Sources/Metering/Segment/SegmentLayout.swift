import Usage

/// The bytes of a segment file, version 2. docs/reference/segment-format.md says the same in words.
///
///     0        header: words (UInt64, little-endian), see `Header`
///     1024     undo record of the event that is being recorded
///     4096     names (instance, listeners, routes, units, reserved tenants), then last sequences of the
///              predecessor, listener cells, reserved rows, the fallback histogram
///     first    extents of 64 KiB, claimed one by one: rows, or small things (ids, histogram chunks)
///
/// Offsets are in bytes from the start of the file.
enum SegmentLayout {
  /// `WEIRSEGM`, read as a little-endian word.
  static let magic: UInt64 = 0x4D47_4553_5249_4557
  static let version: UInt64 = 2

  static let headerBytes = 4096
  static let undoOffset = 1024

  static let rowBytes = 320
  static let listenerBytes = 384
  static let extentBytes = 65_536
  static let rowsPerExtent = (extentBytes - extentHeaderBytes) / rowBytes
  static let extentHeaderBytes = 64
  static let chunkBytes = 72
  /// Chunks of one histogram: one a group of 16 buckets, and one for clamped observations.
  static let chunkGroupCount = HistogramBuckets.groupCount + 1
  static let clampGroup = HistogramBuckets.groupCount
  static let reservedTenantCount = 3
  /// Offsets are kept in 32 bits.
  static let segmentBytesMax = 1 << 32

  /// What an extent holds; 0 is one that was not claimed yet.
  enum ExtentKind: UInt64 {
    case unclaimed = 0
    case rows = 1
    case small = 2
  }

  /// Words of a row beyond its quantities.
  enum RowWord {
    static let openStart = 36
    static let open = 37
    /// Id's offset << 32 | route << 16 | id's length << 8 | 1; 0 in a row that is not used yet.
    static let key = 38
    /// Offset of the first histogram chunk, or 0.
    static let histogram = 39
  }

  /// Words of a listener beyond its quantities.
  enum ListenerWord {
    static let openStart = 36
    static let open = 37
    static let observations = 38
    static let connection = 40
  }

  /// Words of the header.
  enum Header: Int, CaseIterable {
    case magic = 0
    case version
    case rowBytes
    case quantityCount
    case connectionQuantityCount
    case extentBytes
    case bootHigh
    case bootLow
    case worker
    case workerCount
    case sequence
    case intervalSeconds
    case namesOffset
    case namesBytes
    case listenerCount
    case routeCount
    case unitCount
    case predecessorHigh
    case predecessorLow
    case predecessorCount
    case predecessorOffset
    case listenersOffset
    case reservedRowsOffset
    case fallbackRow
    case firstExtentOffset
    /// Checksum of the words above and the names.
    case checksum
    // From here on the worker writes.
    case state = 32
    case flags
    case startWallMicroseconds
    case startMonotonicNanoseconds
    case endWallMicroseconds
    case endMonotonicNanoseconds
    /// Last turn of the loop that the worker noted, by the monotonic clock.
    case lastTurnNanoseconds
    case claimedExtents

    var offset: Int { rawValue * 8 }
  }

  /// Life of a segment. Only `active` and what follows has a meaning for recovery.
  enum State: UInt64 {
    case prepared = 0
    case active = 1
    case sealed = 2
  }

  /// Words of the undo record, from `undoOffset`: what the cells held before the event.
  enum Undo {
    /// Row's unit << 32 | mask of quantities; not 0 while the record is in force.
    static let key = 0
    /// Index of the listener, and flags.
    static let listener = 1
    static let rowOpen = 2
    static let listenerOpen = 3
    static let bucketOffset = 4
    static let bucketValue = 5
    static let observations = 6
    static let clampOffset = 7
    static let clampValue = 8
    static let rowValues = 16
    static let listenerValues = 48
    static let wordCount = 80

    /// In `listener`: a histogram is touched.
    static let flagObservation: UInt64 = 1 << 32
    /// In `listener`: the observation was clamped.
    static let flagClamp: UInt64 = 1 << 33
  }

  /// Stops a build whose numbers do not fit together; called when a service starts.
  static func checkSizes() {
    precondition(Quantity.count <= RowWord.openStart && rowBytes == (RowWord.histogram + 1) * 8)
    precondition(ListenerWord.connection + ConnectionQuantity.count <= listenerBytes / 8)
    precondition(undoOffset + Undo.wordCount * 8 <= headerBytes)
    precondition(Header.claimedExtents.offset + 8 <= undoOffset)
    precondition(chunkBytes == HistogramBuckets.stepsPerOctave * 4 + 8)
    precondition(rowsPerExtent == 204)
  }
}
