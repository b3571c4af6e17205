import Platform

/// One socket in the event loop: its descriptor, what epoll last said of it, and its buffers.
///
/// Edge-triggered: `isReadable` and `isWritable` stay true until a call shows the opposite. Owned by one worker.
final class Channel {
  let descriptor: Int32
  /// Place in the worker's table; with `generation` it tells stale events from fresh ones.
  let slot: Int
  let generation: UInt32
  /// What encrypts the socket's bytes; nil while they are plain.
  var tls: TLSSession?
  /// The HTTP/2 stream that stands in the place of a socket; the descriptor is -1 then.
  var stream: HTTP2Stream?
  /// The same for an HTTP/2 stream to an upstream.
  var upstreamStream: UpstreamStream?
  /// Bytes received and not yet consumed; nil while there are none.
  var input: Buffer?
  /// Bytes that wait to be sent; nil while there are none.
  var output: Buffer?
  var isReadable = false
  var isWritable = false
  /// The peer sent its end of stream, or the socket failed: reading will show which.
  var isPeerClosed = false
  /// Both directions are gone.
  var isBroken = false
  /// Whether `close` resets the connection.
  private var endsAbruptly = false
  /// Reading has shown the end of stream.
  var hasEnded = false

  init(descriptor: Int32, slot: Int, generation: UInt32) {
    self.descriptor = descriptor
    self.slot = slot
    self.generation = generation
  }

  /// Takes over what an event said.
  @inline(__always)
  func note(_ event: EventLoop.Event) {
    if event.isReadable {
      isReadable = true
      tls?.noteReadable()
    }
    if event.isWritable { isWritable = true }
    if event.isPeerClosed { isPeerClosed = true }
    if event.isBroken { isBroken = true }
  }

  /// Bytes in `input`.
  var inputCount: Int { input?.count ?? 0 }
  /// Bytes in `output`.
  var outputCount: Int { output?.count ?? 0 }
}

extension Channel {
  /// Receives once into `input`, which is taken from the pool when there is none.
  ///
  /// `.wouldBlock` also when the buffer is full: the caller then consumes first.
  func receive(_ syscalls: Syscalls, _ buffers: BufferPool) -> IOResult {
    if let stream { return stream.receive(into: self, buffers) }
    if let upstreamStream { return upstreamStream.receive(into: self, buffers) }
    // Taken out and put back: a count for the time of the call would cost two atomic operations.
    let buffer = input.take() ?? buffers.take()
    let result = receive(into: buffer, syscalls)
    input = buffer
    return result
  }

  @inline(__always)
  private func receive(into buffer: Buffer, _ syscalls: Syscalls) -> IOResult {
    // A buffer that is half consumed has its rest moved to the front; less often would starve the call.
    if buffer.consumed > buffer.capacity / 2 || buffer.free == 0 { buffer.compact() }
    let room = buffer.free
    guard room > 0 else { return .wouldBlock }
    let result =
      tls?.receive(into: buffer, trustsShortReads: !isPeerClosed, syscalls)
      ?? syscalls.receive(descriptor, into: buffer)
    switch result {
    case .moved(let count):
      // A short read has emptied the socket; only the end of stream may be left to read.
      if let tls {
        isReadable = tls.mayHaveMore || isPeerClosed
      } else if count < room && !isPeerClosed {
        isReadable = false
      }
    case .wouldBlock: isReadable = false
    case .end:
      isReadable = false
      hasEnded = true
    case .failed:
      isReadable = false
      isBroken = true
    }
    return result
  }

  /// Sends `output` and then `directCount` bytes of `direct` with one call. Consumes nothing.
  func send(_ direct: Buffer?, directCount: Int, _ syscalls: Syscalls) -> IOResult {
    let offered = outputCount + directCount
    let queued = output.take()
    let result =
      tls?.send(queued, direct, secondCount: directCount, syscalls)
      ?? syscalls.send(descriptor, queued, direct, secondCount: directCount)
    output = queued
    switch result {
    case .moved(let count): if count < offered { isWritable = false }
    case .wouldBlock: isWritable = false
    case .end, .failed:
      isWritable = false
      isBroken = true
    }
    return result
  }

  /// Sends what a pipe holds with one call.
  func drain(_ pipe: SplicePipe) -> IOResult {
    let result = pipe.drain(to: descriptor)
    switch result {
    // What is left may be left because the pipe's pieces end here: only "would block" says that it is full.
    case .moved: break
    case .wouldBlock: isWritable = false
    case .end, .failed:
      isWritable = false
      isBroken = true
    }
    return result
  }

  /// Sends this side's end of stream, TLS's own first; the other direction stays open.
  func shutdownWriting(_ syscalls: Syscalls) {
    if stream != nil { return }
    tls?.sayGoodbye()
    syscalls.shutdownWriting(descriptor)
  }

  /// Has `close` reset the connection, without TLS's own end: what breaks off must not look complete.
  func resetOnClose(_ syscalls: Syscalls) {
    endsAbruptly = true
    syscalls.resetOnClose(descriptor)
  }

  /// Closes the socket, after TLS's own end if nothing has failed.
  func close(_ syscalls: Syscalls) {
    if let tls {
      if !isBroken && !endsAbruptly { tls.sayGoodbye() }
      self.tls = nil
    }
    syscalls.close(descriptor)
  }

  /// Has the socket looked at again, whatever the last look showed and without a new event.
  func lookAgain() {
    isReadable = true
    tls?.noteReadable()
  }

  /// Gives empty buffers back to the pool.
  func releaseEmptyBuffers(to buffers: BufferPool) {
    if input?.isEmpty ?? false, let buffer = input.take() { buffers.give(buffer) }
    if isOutputSpent, let buffer = output.take() { buffers.give(buffer) }
  }

  /// Whether `output` is there and holds nothing, also nothing that might be sent again.
  private var isOutputSpent: Bool {
    guard let output else { return false }
    return output.isEmpty && output.consumed == 0
  }

  /// Gives both buffers back, whatever is in them.
  func releaseBuffers(to buffers: BufferPool) {
    if let buffer = input.take() { buffers.give(buffer) }
    if let buffer = output.take() { buffers.give(buffer) }
  }
}
