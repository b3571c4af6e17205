import HTTPCodec
import Platform

/// An HTTP/2 connection, of a client or to an upstream, as its streams use it.
protocol HTTP2Link: AnyObject {
  var session: HTTP2Session { get }
  /// Whether there may be something to send.
  var isDirty: Bool { get set }
  /// The socket's side.
  var channel: Channel { get }
  var buffers: BufferPool { get }
  /// Books bytes that were written, with the frame that they complete.
  func note(written count: Int, _ frame: HTTP2SentFrame?)
  /// The number of the next stream that is served, so that those that waited longest come first.
  func nextServe() -> UInt64
}

extension HTTP2Link {
  /// Writes frames into the socket's output while there is room; false when the session has failed.
  @discardableResult
  func pump() -> Bool {
    let channel = channel
    while true {
      // Bound: the output buffer.
      let output = channel.output.take() ?? buffers.take()
      if output.free < HTTP2Session.pieceBytesMax { output.compact() }
      guard output.free >= HTTP2Session.pieceBytesMax else {
        channel.output = output
        isDirty = true
        return true
      }
      let sent = session.send { bytes, frame in
        output.append(bytes)
        note(written: bytes.byteCount, frame)
      }
      channel.output = output
      guard let sent else { return false }
      if !sent { return true }
      isDirty = true
    }
  }

  /// Takes content that came for a stream into its channel's input, and opens its window for as much.
  func receive(
    _ incoming: inout Buffer?, into channel: Channel, stream id: Int32, hasEnded: Bool
  ) -> IOResult {
    guard incoming?.isEmpty == false else {
      channel.isReadable = false
      guard hasEnded else { return .wouldBlock }
      channel.hasEnded = true
      return .end
    }
    let count = channel.take(&incoming, buffers)
    guard count > 0 else { return .wouldBlock }
    channel.isReadable = !(incoming?.isEmpty ?? true) || hasEnded
    session.consume(count, stream: id)
    isDirty = true
    return .moved(count)
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
