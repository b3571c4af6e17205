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

  /// Bytes that were handed over and not taken.
  var left: Int { queuedRange.count + directRange.count }

  /// Hands over `output` from `start` on, and then `directCount` bytes of `content`.
  func offer(_ output: Buffer?, from start: Int, _ content: Buffer?, directCount: Int) {
    queued = output
    direct = content
    queuedRange = min(start, output?.count ?? 0)..<(output?.count ?? 0)
    directRange = 0..<directCount
  }

  /// Takes back what is left.
  func clear() {
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

extension Channel {
  /// Takes what a stream received into the input: all of it when that is empty, else what fits. Returns how many bytes
  /// that were, 0 when there is no room.
  func take(_ incoming: inout Buffer?, _ buffers: BufferPool) -> Int {
    guard let waiting = incoming else { return 0 }
    if inputCount == 0 {
      if let old = input.take() { buffers.give(old) }
      input = waiting
      incoming = nil
      return waiting.count
    }
    guard let input else { return 0 }
    input.compact()
    let count = min(input.free, waiting.count)
    input.append(waiting.readable.extracting(first: count))
    waiting.consume(count)
    return count
  }
}

extension Field {
  /// Whether it may be passed on over HTTP/2: fields about the connection have no place there (RFC 9113 §8.2.2).
  var passesToHTTP2: Bool {
    switch known {
    case .connection, .keepAlive, .transferEncoding, .upgrade, .proxyConnection, .te,
      .http2Settings:
      false
    default: !isConnectionOption
    }
  }
}

extension [UInt8] {
  /// Adds a field's line as HTTP/1.1 has it.
  mutating func append(field name: RawSpan, _ value: RawSpan) {
    if capacity == 0 { reserveCapacity(512) }
    // Safe: the bytes are copied.
    unsafe name.withUnsafeBytes { unsafe append(contentsOf: $0) }
    append(0x3A)
    append(0x20)
    unsafe value.withUnsafeBytes { unsafe append(contentsOf: $0) }
    append(0x0D)
    append(0x0A)
  }
}
