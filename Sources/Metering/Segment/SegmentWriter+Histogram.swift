import Usage

/// The counters that one latency observation touches.
struct Observation {
  /// Offset of the bucket's counter.
  var bucketOffset: Int
  /// Offset of the counter of clamped observations, or 0 when the value was in range.
  var clampOffset: Int
}

extension SegmentWriter {
  /// Finds the counters for a duration in µs, adding chunks to the row's histogram as needed.
  ///
  /// When no memory is left for a chunk, the observation goes to the fallback row's histogram, which exists
  /// from the start: the number of observations is right in sum, only the tenant is lost.
  @inline(__always)
  func locate(_ duration: UInt64, rowOffset: Int, takingBack: Bool) -> Observation {
    let bucket = HistogramBuckets.bucket(of: duration)
    let chunk = chunk(HistogramBuckets.group(of: bucket), rowOffset: rowOffset)
    if chunk != 0 && duration &- HistogramBuckets.valueMin < Self.clampFree {
      let offset = chunk &+ HistogramBuckets.step(of: bucket) &* 4
      if !takingBack || cells.loadHalf(offset) != 0 {
        return Observation(bucketOffset: offset, clampOffset: 0)
      }
    }
    return locateRarely(duration, bucket: bucket, rowOffset: rowOffset, takingBack: takingBack)
  }

  static var clampFree: UInt64 { HistogramBuckets.valueMax - HistogramBuckets.valueMin + 1 }

  @inline(never)
  private func locateRarely(
    _ duration: UInt64, bucket: Int, rowOffset: Int, takingBack: Bool
  ) -> Observation {
    let own = cells(duration, bucket: bucket, rowOffset: rowOffset)
    if let own, !takingBack || isCounted(own) { return own }
    guard let fallback = cells(duration, bucket: bucket, rowOffset: storage.plan.fallbackRow) else {
      preconditionFailure("the fallback histogram is complete")
    }
    precondition(!takingBack || isCounted(fallback), "took back what was not observed")
    return fallback
  }

  private func cells(_ duration: UInt64, bucket: Int, rowOffset: Int) -> Observation? {
    let chunk = chunk(HistogramBuckets.group(of: bucket), rowOffset: rowOffset)
    guard chunk != 0 else { return nil }
    let offset = chunk + HistogramBuckets.step(of: bucket) * 4
    if duration >= HistogramBuckets.valueMin && duration <= HistogramBuckets.valueMax {
      return Observation(bucketOffset: offset, clampOffset: 0)
    }
    let clamps = self.chunk(SegmentLayout.clampGroup, rowOffset: rowOffset)
    guard clamps != 0 else { return nil }
    let side = duration < HistogramBuckets.valueMin ? 0 : 4
    return Observation(bucketOffset: offset, clampOffset: clamps + side)
  }

  private func isCounted(_ observation: Observation) -> Bool {
    cells.loadHalf(observation.bucketOffset) != 0
      && (observation.clampOffset == 0 || cells.loadHalf(observation.clampOffset) != 0)
  }

  /// The chunk of a group in a row's histogram, added when it is missing; 0 when there is no memory.
  @inline(__always)
  private func chunk(_ group: Int, rowOffset: Int) -> Int {
    var chunk = Int(truncatingIfNeeded: load(rowOffset &+ SegmentLayout.RowWord.histogram &* 8))
    // Bound: one chunk a group.
    while chunk != 0 {
      let link = load(chunk &+ 64)
      if Int(truncatingIfNeeded: link >> 32) == group { return chunk }
      chunk = Int(truncatingIfNeeded: link & 0xFFFF_FFFF)
    }
    return addChunk(group, rowOffset: rowOffset)
  }

  /// Published by one store: a kill before it leaves unused bytes, no half chunk.
  @inline(never)
  private func addChunk(_ group: Int, rowOffset: Int) -> Int {
    let chunk = allocateSmall(SegmentLayout.chunkBytes, alignment: 8)
    guard chunk != 0 else {
      displacedObservations &+= 1
      return 0
    }
    let headOffset = rowOffset + SegmentLayout.RowWord.histogram * 8
    store(UInt64(group) << 32 | load(headOffset), at: chunk + 64)
    store(UInt64(chunk), at: headOffset)
    return chunk
  }
}
