import HTTPCodec
import Platform

/// What an exchange hands over to an HTTP/2 stream with one call, and how the message ends. Owned by one worker thread.
final class HTTP2Outlet {
  private var queued: Buffer?
  private var direct: Buffer?
  private var queuedRange = 0..<0
  private var directRange = 0..<0
  /// Whether the end of what is handed over is the message's end.
  var endsWithNextSend = false
  /// Whether the end of the message has been handed over.
  var isAtEnd = false
  /// Trailers that end the message.
  var trailers: HTTP2Fields?
  /// When the stream was served last, as its connection counts.
  private(set) var served: UInt64 = 0

  /// Bytes that were handed over and not taken.
  private var left: Int { queuedRange.count + directRange.count }

  /// Hands over `output` from `start` on, and then `directCount` bytes of `content`; what is before `start` is taken already.
  func send(
    _ output: Buffer?, from start: Int, _ content: Buffer?, directCount: Int, stream id: Int32,
    on link: some HTTP2Link
  ) -> IOResult {
    let offered = (output?.count ?? 0) + directCount
    if start < offered || (endsWithNextSend && !isAtEnd) {
      queued = output
      direct = content
      queuedRange = min(start, output?.count ?? 0)..<(output?.count ?? 0)
      directRange = 0..<directCount
      link.session.resume(id)
    }
    link.pump()
    let accepted = offered - left
    // Nobody else may end the message with what comes next; once all is handed over, whoever writes next may.
    if !isAtEnd && left > 0 { endsWithNextSend = false }
    clear()
    guard accepted > 0 else { return .wouldBlock }
    served = link.nextServe()
    return .moved(accepted)
  }

  /// Writes the end of a message of which everything has been handed over, as far as flow control and the connection's
  /// output allow.
  func finish(stream id: Int32, on link: some HTTP2Link) {
    endsWithNextSend = true
    clear()
    link.session.resume(id)
    link.pump()
  }

  private func clear() {
    queued = nil
    direct = nil
    queuedRange = 0..<0
    directRange = 0..<0
  }

  /// Puts what was handed over into `room`. The trailers go to `submit` when the rest is theirs.
  func fill(
    _ room: UnsafeMutableRawBufferPointer, submit: (HTTP2Fields) -> Bool
  ) -> HTTP2Content {
    var written = 0
    if let queued, !queuedRange.isEmpty {
      let count = min(room.count, queuedRange.count)
      unsafe copy(queued, queuedRange.lowerBound, count, to: room, at: 0)
      queuedRange = (queuedRange.lowerBound + count)..<queuedRange.upperBound
      written = count
    }
    if let direct, !directRange.isEmpty, written < room.count {
      let count = min(room.count - written, directRange.count)
      unsafe copy(direct, directRange.lowerBound, count, to: room, at: written)
      directRange = (directRange.lowerBound + count)..<directRange.upperBound
      written += count
    }
    guard left == 0, endsWithNextSend else { return written > 0 ? .some(written) : .later }
    isAtEnd = true
    guard let trailers, submit(trailers) else { return .last(written) }
    return .lastBeforeTrailers(written)
  }

  @unsafe
  private func copy(
    _ buffer: Buffer, _ start: Int, _ count: Int, to room: UnsafeMutableRawBufferPointer,
    at offset: Int
  ) {
    // Safe: `count` is bounded by both at the caller.
    let bytes = buffer.readable.extracting(start..<(start + count))
    unsafe bytes.withUnsafeBytes { source in
      unsafe UnsafeMutableRawBufferPointer(rebasing: room[offset..<(offset + count)]).copyMemory(
        from: source)
    }
  }
}
