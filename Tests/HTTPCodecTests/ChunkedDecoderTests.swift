import HTTPCodec
import Testing

/// What comes out of accepted chunked bodies, and what goes into chunk headers.
struct ChunkedDecoderTests {
  @Test(arguments: chunkCorpus)
  func `a chunked body is its content`(text: String, content: String) {
    let body = decodeChunked(Array((text + "GET /").utf8))

    #expect(String(decoding: body.content, as: UTF8.self) == content)
    #expect(body.isEnded && body.fault == nil && body.length == text.utf8.count)
  }

  @Test func `trailers come as fields`() {
    let body = decodeChunked(
      Array("0\r\nX-Cost: 12 \r\nContent-Length: 3\r\nserver-timing: a\r\n\r\n".utf8))

    #expect(body.trailers.map(\.name) == ["X-Cost", "Content-Length", "server-timing"])
    #expect(body.trailers.map(\.value) == ["12", "3", "a"])
    #expect(body.trailers.map(\.known.isForbiddenInTrailers) == [false, true, false])
  }

  @Test(arguments: [
    "Content-Length", "Transfer-Encoding", "Host", "Connection", "TE", "Trailer", "Upgrade",
    "Authorization", "Cookie", "Set-Cookie", "Content-Type", "Content-Encoding", "Content-Range",
    "Cache-Control", "Expect", "Max-Forwards", "Range", "If-Match", "If-None-Match",
    "If-Modified-Since", "If-Unmodified-Since", "If-Range", "Age", "Date", "Expires", "Location",
    "Retry-After", "Vary", "Warning", "Pragma", "WWW-Authenticate", "Proxy-Authenticate",
    "Proxy-Authorization", "Proxy-Status", "Keep-Alive", "X-Forwarded-For", "X-Forwarded-Port",
    "Forwarded", "X-Real-IP", "Via",
  ])
  func `a field that may not be a trailer says so`(_ name: String) {
    let body = decodeChunked(Array("0\r\n\(name): a\r\n\r\n".utf8))

    #expect(body.trailers.map(\.known.isForbiddenInTrailers) == [true])
  }

  @Test func `the largest size is taken and one more digit is not`() {
    var decoder = ChunkedDecoder(limits: HTTP1Limits())
    var offset = 0
    let bytes = Array("7FFFFFFFFFFFFFFF\r\nab".utf8)

    let event = withSpan(bytes) { decoder.next($0, offset: &offset) }

    #expect(event == .data(ByteRange(start: 18, count: 2)) && offset == 20)
  }

  @Test func `a cut trailer block stays at its first byte`() {
    var decoder = ChunkedDecoder(limits: HTTP1Limits())
    var offset = 0
    let bytes = Array("0\r\nX: a\r\n\r".utf8)

    #expect(withSpan(bytes) { decoder.next($0, offset: &offset) } == .needMore)
    #expect(offset == 3)

    let kept = Array("X: a\r\n\r\nrest".utf8)
    offset = 0
    let block = ChunkedDecoder.Event.trailers(ByteRange(start: 0, count: 8))
    #expect(withSpan(kept) { decoder.next($0, offset: &offset) } == block)
    #expect(offset == 8 && decoder.isEnded)
  }

  @Test func `trailer bytes that were looked at are not looked at again`() {
    var decoder = ChunkedDecoder(limits: HTTP1Limits())
    var offset = 0
    let first = Array("0\r\nX: a\r\nY".utf8)
    #expect(withSpan(first) { decoder.next($0, offset: &offset) } == .needMore)

    let changed = Array("0\r\n\0: a\r\nY: b\r\n\r\n".utf8)
    let event = withSpan(changed) { decoder.next($0, offset: &offset) }

    #expect(event == .trailers(ByteRange(start: 3, count: 14)))
  }

  @Test func `after the end nothing more is consumed`() {
    var decoder = ChunkedDecoder(limits: HTTP1Limits())
    var offset = 0
    let bytes = Array("0\r\n\r\n5\r\n".utf8)

    for _ in 0..<3 {
      #expect(withSpan(bytes) { decoder.next($0, offset: &offset) } == .end)
      #expect(offset == 5 && decoder.isEnded)
    }
  }

  @Test func `after a fault there is only the fault`() {
    var decoder = ChunkedDecoder(limits: HTTP1Limits())
    var offset = 0
    let bytes = Array("x\r\n".utf8)

    for _ in 0..<3 {
      let event = withSpan(bytes) { decoder.next($0, offset: &offset) }
      #expect(event == .fault(HTTPFault(.chunkSizeInvalid, at: 0)))
    }
  }

  @Test func `bounds are met exactly`() {
    var limits = HTTP1Limits()
    limits.chunkExtensionBytesMax = 4
    limits.trailerBytesMax = 8
    limits.trailerFieldCountMax = 1
    let bytes = Array("1;a\r\nx\r\n0;b\r\nX: a\r\n\r\n".utf8)

    #expect(decodeChunked(bytes, limits: limits).isEnded)
    for narrow in [
      \HTTP1Limits.chunkExtensionBytesMax, \.trailerBytesMax, \.trailerFieldCountMax,
    ] {
      var narrower = limits
      narrower[keyPath: narrow] -= 1
      #expect(decodeChunked(bytes, limits: narrower).fault != nil)
    }
  }

  @Test func `any chunking of a content decodes to it`() {
    var random = Generator()
    for _ in 0..<200 {
      let content = (0..<random.below(3_000)).map { _ in UInt8.random(in: 0...255, using: &random) }
      var wire: [UInt8] = []
      var at = 0
      while at < content.count {
        let count = 1 + random.below(min(content.count - at, 1 + random.below(700)))
        wire += header(count) + content[at..<at + count] + Array("\r\n".utf8)
        at += count
      }
      wire += header(0) + Array("\r\n".utf8)
      let cuts = (0..<random.below(20)).map { _ in random.below(wire.count + 1) }.sorted()

      let body = decodeChunked(wire, cuts: cuts)

      #expect(body.content == content && body.isEnded, "seed \(random.seed)")
    }
  }

  @Test(arguments: [
    (0, "0\r\n"), (1, "1\r\n"), (15, "f\r\n"), (16, "10\r\n"), (255, "ff\r\n"), (256, "100\r\n"),
    (4096, "1000\r\n"), (65_535, "ffff\r\n"), (Int.max, "7fffffffffffffff\r\n"),
  ])
  func `a chunk header is the size in hexadecimal`(count: Int, written: String) {
    #expect(header(count) == Array(written.utf8))
    #expect(headerByArray(count) == Array(written.utf8))
    #expect(written.utf8.count <= chunkHeaderBytesMax)
  }

  private func header(_ count: Int) -> [UInt8] {
    let buffer = UnsafeMutableRawBufferPointer.allocate(
      byteCount: chunkHeaderBytesMax, alignment: 1)
    // Safe: the buffer outlives the span over it, and is freed once.
    defer { unsafe buffer.deallocate() }
    var output = unsafe OutputRawSpan(buffer: buffer, initializedCount: 0)
    writeChunkHeader(count: count, into: &output)
    let written = output.bytes
    return written.byteOffsets.map { unsafe written.unsafeLoad(fromByteOffset: $0, as: UInt8.self) }
  }

  private func headerByArray(_ count: Int) -> [UInt8] {
    var output = InlineArray<20, UInt8>(repeating: 0)
    let written = writeChunkHeader(count: count, into: &output)
    return (0..<written).map { output[$0] }
  }
}
