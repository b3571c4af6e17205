import HTTPCodec
import Platform

extension BodyRelay {
  /// What filling the sink's output came to.
  struct Filled {
    /// Bytes taken from the source, framing included.
    var wireBytes = 0
    /// Content bytes among them.
    var contentBytes = 0
    /// The block of trailers in the source's input, when the body ended with one. The
    /// caller then consumes `wireBytes` when it has read them.
    var trailers: ByteRange?
    /// The source broke the framing's rules.
    var fault: HTTPFault?
  }

  /// Room that is kept for a chunk's size line, its end, the last chunk and trailers: by the limits that the body
  /// began with, whatever a reload has set since.
  private var reserve: Int {
    if case .chunked(let decoder) = source { return decoder.trailerRoom + 64 }
    return 64
  }

  /// Moves content of a body that is not direct from `input` to `output`, framed as the sink needs it.
  ///
  /// Only when nothing but leading bytes waits in `output`. All content that is there becomes one chunk, so
  /// that an interval's plan is at most leading, body and trailing.
  mutating func fill(from input: Buffer, to output: Buffer) -> Filled {
    precondition(body == 0 && trailing == 0, "filled over unsent content")
    var filled = Filled()
    let room = output.free - reserve
    guard room > 0 else { return filled }
    if framesChunks {
      output.append("00000000\r\n")
      leading += 10
    }
    let start = output.count
    switch source {
    case .untilClose:
      let count = min(room, input.count)
      output.append(input.readable.extracting(0..<count))
      input.consume(count)
      filled.wireBytes = count
      filled.contentBytes = count
    case .chunked(var decoder):
      decode(&decoder, input, output, room, &filled)
      source = .chunked(decoder)
    case .none, .length, .tunnel: preconditionFailure("a direct body is not copied")
    }
    body = output.count - start
    if framesChunks { closeChunk(output, start) }
    return filled
  }

  private mutating func decode(
    _ decoder: inout ChunkedDecoder, _ input: Buffer, _ output: Buffer, _ room: Int,
    _ filled: inout Filled
  ) {
    let bytes = input.readable
    var offset = 0
    var left = room
    loop: while left > 0 {
      let before = offset
      // Content is cut to the room that is left by showing the decoder no more bytes than fit.
      let visible = bytes.extracting(0..<min(bytes.byteCount, before + left))
      switch decoder.next(visible, offset: &offset) {
      case .data(let range):
        output.append(bytes.extracting(range.start..<range.end))
        filled.contentBytes += range.count
        left -= offset - before
      case .trailers(let range):
        // Not charged to the room: `reserve` holds it free, and the end must follow in this same fill.
        filled.trailers = range
      case .needMore:
        if visible.byteCount == bytes.byteCount || offset == before { break loop }
        left -= offset - before
      case .end:
        isSourceDone = true
        break loop
      case .fault(let fault):
        filled.fault = fault
        break loop
      }
    }
    filled.wireBytes = offset
    // With trailers the caller still needs the input's bytes, and consumes them itself.
    if filled.trailers == nil { input.consume(offset) }
  }

  /// Writes the size of the chunk that was gathered behind its placeholder, and its end.
  private mutating func closeChunk(_ output: Buffer, _ start: Int) {
    if body == 0 {
      // No content: the placeholder goes again, and nothing is left behind it.
      output.dropLast(10)
      leading -= 10
      return
    }
    for index in 0..<8 {
      let value = UInt8((body >> ((7 - index) * 4)) & 15)
      output.overwrite(at: start - 10 + index, with: value < 10 ? 0x30 + value : 0x57 + value)
    }
    output.append("\r\n")
    trailing += 2
  }

  /// Ends a chunked sink: the last chunk, the trailers that `write` appends, and the empty line.
  mutating func finishChunks(_ output: Buffer, trailers write: (Buffer) -> Bool) -> Bool {
    guard framesChunks else { return true }
    let before = output.count
    let fits = output.append("0\r\n") && write(output) && output.append("\r\n")
    trailing += output.count - before
    return fits
  }
}
