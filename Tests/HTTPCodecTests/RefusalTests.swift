import HTTPCodec
import Testing

/// Every refusal of the framing rules, one row each; and no split of the bytes changes it.
struct RefusalTests {
  @Test(arguments: requestRefusals)
  func `a request that breaks a rule is refused with its code`(_ row: Refusal) {
    let parsed = parseRequest(row.bytes, limits: row.limits)

    #expect(parsed.code == row.code)
    if case .fault(let fault) = parsed { #expect(fault.status == row.status) }
  }

  @Test(arguments: responseRefusals)
  func `a response that breaks a rule is refused as a bad gateway`(_ row: Refusal) {
    let parsed = parseResponse(row.bytes, limits: row.limits)

    #expect(parsed.code == row.code)
    if case .fault(let fault) = parsed { #expect(fault.status == 502) }
  }

  @Test(arguments: chunkRefusals)
  func `a chunked body that breaks a rule is refused with its code`(_ row: Refusal) {
    let body = decodeChunked(row.bytes, limits: row.limits)

    #expect(body.fault == row.code)
    #expect(!body.isEnded)
    #expect(row.code.status == row.status)
  }

  @Test(arguments: requestRefusals)
  func `a refused request is refused alike when it drips`(_ row: Refusal) {
    let dripped = parseRequest(row.bytes, cuts: Array(0...row.bytes.count), limits: row.limits)

    #expect(dripped == parseRequest(row.bytes, limits: row.limits))
  }

  @Test(arguments: responseRefusals)
  func `a refused response is refused alike when it drips`(_ row: Refusal) {
    let dripped = parseResponse(row.bytes, cuts: Array(0...row.bytes.count), limits: row.limits)

    #expect(dripped == parseResponse(row.bytes, limits: row.limits))
  }

  @Test(arguments: chunkRefusals)
  func `a refused chunked body is refused alike when it drips`(_ row: Refusal) {
    let dripped = decodeChunked(row.bytes, cuts: Array(0...row.bytes.count), limits: row.limits)

    #expect(dripped.fault == row.code)
  }

  @Test func `every fault code has a row`() {
    let rows = requestRefusals + responseRefusals + chunkRefusals
    let direct: Set<FaultCode> = [.trailersIncomplete]

    let missing = Set(FaultCode.allCases).subtracting(rows.map(\.code)).subtracting(direct)

    #expect(missing.isEmpty)
  }

  @Test(arguments: ["", "\r\n", "X: a\r\n", "X: a\r\n\r", "X: a\r\n\r\nY: b\r\n\r\n"])
  func `parseTrailers refuses what is not one complete block`(_ block: String) {
    var fields: ContiguousArray<Field> = []

    let fault = withSpan(Array(block.utf8)) { parseTrailers($0, into: &fields) }

    #expect(fault?.code == .trailersIncomplete)
  }

  @Test func `a fault comes as soon as the byte that makes it`() {
    #expect(parseRequest("GET / HTTP/1.1\n").code == .bareLineFeed)
    #expect(parseRequest("\u{16}\u{3}").code == .controlByte)
    #expect(parseRequest("GET / HTTP/1.1\r\nX: \u{0}").code == .controlByte)
  }
}
