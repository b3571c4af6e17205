import HTTPCodec

/// What became of a chunked body.
struct DecodedBody: Equatable {
  var content: [UInt8] = []
  var trailers: [FieldText] = []
  var fault: FaultCode?
  var isEnded = false
  /// Bytes that belong to the body; the rest is the next message's.
  var length = 0
}

/// Feeds a chunked body as a connection would: bytes arrive at `cuts`, what the decoder has passed is
/// dropped, what it has not passed is kept.
func decodeChunked(
  _ bytes: [UInt8], cuts: [Int] = [], limits: HTTP1Limits = HTTP1Limits()
) -> DecodedBody {
  var decoder = ChunkedDecoder(limits: limits)
  var body = DecodedBody()
  var buffer: [UInt8] = []
  var arrived = 0
  for cut in cuts + [bytes.count] where !body.isEnded && body.fault == nil {
    buffer += bytes[arrived..<cut]
    arrived = cut
    var offset = 0
    decodeArrived(&decoder, buffer, &offset, into: &body)
    body.length += offset
    buffer.removeFirst(offset)
  }
  return body
}

private func decodeArrived(
  _ decoder: inout ChunkedDecoder, _ buffer: [UInt8], _ offset: inout Int,
  into body: inout DecodedBody
) {
  while true {
    switch withSpan(buffer, { decoder.next($0, offset: &offset) }) {
    case .needMore: return
    case .data(let range): body.content += buffer[range.start..<range.end]
    case .trailers(let range):
      let block = Array(buffer[range.start..<range.end])
      var fields: ContiguousArray<Field> = []
      body.fault = withSpan(block) { parseTrailers($0, into: &fields) }?.code
      if body.fault != nil { return }
      body.trailers = fields.map { FieldText($0, block) }
    case .end:
      body.isEnded = true
      return
    case .fault(let fault):
      body.fault = fault.code
      return
    }
  }
}
