/// Takes a chunked body apart (RFC 9112 §7.1), strictly and at any split of its bytes.
///
///     size [extension] CRLF data CRLF … 0 [extension] CRLF [trailers] CRLF
///
/// A size is 1 to 16 hexadecimal digits and at most 2^63 - 1, with nothing before or behind it but an
/// extension. Every line ends in CRLF, whatever the limits say about heads. A small value that lives in
/// its connection; make a new one for each body.
public struct ChunkedDecoder: Sendable {
  /// What the bytes came to.
  public enum Event: Sendable, Equatable {
    /// All given bytes are consumed, but for an incomplete trailer block, which starts at the offset.
    case needMore
    /// Bytes of the content, never none of them.
    case data(ByteRange)
    /// The complete trailer block with its empty line, for `parseTrailers`. Only when there are trailers.
    case trailers(ByteRange)
    /// The body is complete; the offset is behind it.
    case end
    /// The body is refused. From an upstream the answer is not the fault's status: the exchange is aborted.
    case fault(HTTPFault)
  }

  private enum State: UInt8 {
    case size, extensions, sizeLineFeed, data, dataReturn, dataLineFeed
    case trailers, lastLineFeed, ended, failed
  }

  private var state = State.size
  private var place = ChunkExtension.beforeName
  private var digits: UInt8 = 0
  private var failure = FaultCode.chunkSizeInvalid
  private var remaining: UInt64 = 0
  private var extensionBytes = 0
  private var trailerScanned = 0
  private let extensionBytesMax: Int
  private let trailerBytesMax: Int
  private let trailerFieldCountMax: Int

  /// Makes a decoder that stands before the first chunk.
  public init(limits: HTTP1Limits) {
    extensionBytesMax = limits.chunkExtensionBytesMax
    trailerBytesMax = limits.trailerBytesMax
    trailerFieldCountMax = limits.trailerFieldCountMax
  }

  /// The most bytes that the trailers can come to when they are written anew: each may grow by the space behind
  /// its colon.
  public var trailerRoom: Int { trailerBytesMax + trailerFieldCountMax }

  /// Whether `end` has been returned.
  public var isEnded: Bool { state == .ended }

  /// Consumes from `offset` on, and moves it; call again until `needMore`, `end` or `fault`.
  ///
  /// After `needMore` the next call takes the bytes that follow. Bytes before `offset` are never looked at
  /// again. When a trailer block is cut, `offset` stays at its first byte and `needMore` is returned: the
  /// caller keeps the bytes from there on and gives them again, with more behind them; what was looked at
  /// is not looked at twice. After `end` or `fault` each further call returns the same.
  public mutating func next(_ bytes: RawSpan, offset: inout Int) -> Event {
    while true {
      switch state {
      case .data: return takeData(bytes, &offset)
      case .trailers: return takeTrailers(bytes, &offset)
      case .ended: return .end
      case .failed: return .fault(HTTPFault(failure, at: offset))
      case .size, .extensions, .sizeLineFeed, .dataReturn, .dataLineFeed, .lastLineFeed:
        guard offset < bytes.byteCount else { return .needMore }
        if let code = take(bytes[offset]) { return fail(code, at: offset) }
        offset += 1
      }
    }
  }

  /// Takes one byte of the framing; the rule that it breaks, or nil.
  private mutating func take(_ byte: UInt8) -> FaultCode? {
    switch state {
    case .size: return takeSize(byte)
    case .extensions: return takeExtension(byte)
    case .sizeLineFeed:
      guard byte == .lineFeed else { return .bareCarriageReturn }
      state = remaining == 0 ? .trailers : .data
      return nil
    case .dataReturn:
      guard byte == .carriageReturn else { return .chunkEndMissing }
      state = .dataLineFeed
      return nil
    case .dataLineFeed:
      guard byte == .lineFeed else { return .chunkEndMissing }
      state = .size
      digits = 0
      return nil
    case .lastLineFeed:
      guard byte == .lineFeed else { return .bareCarriageReturn }
      state = .ended
      return nil
    case .data, .trailers, .ended, .failed:
      preconditionFailure("a framing byte in state \(state)")
    }
  }

  private mutating func takeSize(_ byte: UInt8) -> FaultCode? {
    if let value = byte.hexValue {
      guard digits < 16, remaining <= UInt64(Int64.max) >> 4 else { return .chunkSizeInvalid }
      remaining = remaining << 4 | UInt64(value)
      digits += 1
      return nil
    }
    guard digits > 0 else { return .chunkSizeInvalid }
    switch byte {
    case .carriageReturn: state = .sizeLineFeed
    case .lineFeed: return .bareLineFeed
    case UInt8(ascii: ";"):
      place = .beforeName
      state = .extensions
      return countExtensionByte()
    default: return .chunkSizeInvalid
    }
    return nil
  }

  private mutating func takeExtension(_ byte: UInt8) -> FaultCode? {
    switch place.take(byte) {
    case .inside(let next):
      place = next
      return countExtensionByte()
    case .ended:
      state = .sizeLineFeed
      return nil
    case .refused:
      return byte == .lineFeed ? .bareLineFeed : .chunkExtensionInvalid
    }
  }

  private mutating func countExtensionByte() -> FaultCode? {
    extensionBytes += 1
    return extensionBytes <= extensionBytesMax ? nil : .chunkExtensionsTooLarge
  }

  private mutating func takeData(_ bytes: RawSpan, _ offset: inout Int) -> Event {
    let available = bytes.byteCount - offset
    guard available > 0 else { return .needMore }
    let count = Int(min(UInt64(available), remaining))
    let range = ByteRange(start: offset, count: count)
    offset += count
    remaining -= UInt64(count)
    if remaining == 0 { state = .dataReturn }
    return .data(range)
  }

  /// Stands at the first byte of the trailer block, or of the empty line that is there instead.
  private mutating func takeTrailers(_ bytes: RawSpan, _ offset: inout Int) -> Event {
    guard offset < bytes.byteCount else { return .needMore }
    let start = offset
    if bytes[start] == .carriageReturn {
      state = .lastLineFeed
      offset += 1
      return next(bytes, offset: &offset)
    }
    var scanned = start + trailerScanned
    do throws(HTTPFault) {
      let end = try bytes.endOfBlock(
        from: start, scanned: &scanned, limit: start + trailerBytesMax, acceptsBareLineFeed: false)
      trailerScanned = scanned - start
      guard let end else {
        guard bytes.byteCount - start >= trailerBytesMax else { return .needMore }
        return fail(.trailersTooLarge, at: start)
      }
      guard lineCount(bytes, from: start, to: end) - 1 <= trailerFieldCountMax else {
        return fail(.tooManyTrailers, at: start)
      }
      offset = end
      state = .ended
      return .trailers(ByteRange(start: start, end: end))
    } catch {
      return fail(error.code, at: error.offset)
    }
  }

  private func lineCount(_ bytes: RawSpan, from start: Int, to end: Int) -> Int {
    var count = 0
    for at in start..<end where bytes[at] == .lineFeed { count += 1 }
    return count
  }

  private mutating func fail(_ code: FaultCode, at offset: Int) -> Event {
    state = .failed
    failure = code
    return .fault(HTTPFault(code, at: offset))
  }
}
