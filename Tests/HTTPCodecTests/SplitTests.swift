import HTTPCodec
import Testing

/// How bytes are cut into pieces changes nothing.
struct SplitTests {
  @Test(arguments: requestCorpus)
  func `a request head reads the same at every split`(_ message: String) throws {
    let bytes = Array((message + "rest").utf8)
    let whole = parseRequest(bytes)
    try #require(whole.accepted != nil)

    for cut in 0...bytes.count { #expect(parseRequest(bytes, cuts: [cut]) == whole) }
    #expect(parseRequest(bytes, cuts: Array(0...bytes.count)) == whole)
  }

  @Test(arguments: responseCorpus)
  func `a response head reads the same at every split`(_ message: String) throws {
    let bytes = Array((message + "rest").utf8)
    let whole = parseResponse(bytes)
    try #require(whole.accepted != nil)

    for cut in 0...bytes.count { #expect(parseResponse(bytes, cuts: [cut]) == whole) }
    #expect(parseResponse(bytes, cuts: Array(0...bytes.count)) == whole)
  }

  @Test(arguments: requestCorpus)
  func `bare line feeds read the same at every split where they are accepted`(
    _ message: String
  ) throws {
    let bytes = Array((message.replacing("\r\n", with: "\n") + "rest").utf8)
    var limits = HTTP1Limits()
    limits.acceptsBareLineFeed = true
    let whole = try #require(parseRequest(bytes, limits: limits).accepted)

    for cut in 0...bytes.count {
      #expect(parseRequest(bytes, cuts: [cut], limits: limits).accepted == whole)
    }
    let strict = try #require(parseRequest(Array(message.utf8)).accepted)
    #expect(strict.fields == whole.fields && strict.framing == whole.framing)
  }

  @Test(arguments: requestCorpus)
  func `no proper prefix of a head is complete`(_ message: String) {
    let bytes = Array(message.utf8)

    for count in 0..<bytes.count {
      #expect(parseRequest(Array(bytes[..<count])) == .needMore)
    }
  }

  @Test func `a dripped head is looked at once`() {
    var parser = HTTP1Parser(limits: HTTP1Limits())
    let head = RequestHead()
    var scanned = 0
    let bytes = Array("GET / HTTP/1.1\r\nHost: a\r\n".utf8)

    for count in 1...bytes.count {
      _ = withSpan(bytes, first: count) {
        parser.parseRequest($0, scanned: &scanned, into: head)
      }

      #expect(scanned >= count - 1 && scanned <= count)
    }
  }

  @Test(arguments: chunkCorpus.map(\.text))
  func `a chunked body reads the same at every two splits`(_ message: String) throws {
    let bytes = Array((message + "GET /").utf8)
    let whole = decodeChunked(bytes)
    try #require(whole.isEnded)

    for first in 0...bytes.count {
      for second in first...bytes.count {
        #expect(decodeChunked(bytes, cuts: [first, second]) == whole)
      }
    }
    #expect(decodeChunked(bytes, cuts: Array(0...bytes.count)) == whole)
  }
}
