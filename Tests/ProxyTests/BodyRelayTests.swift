import HTTPCodec
import Platform
import TestSupport
import Testing

@testable import Proxy

@Suite struct BodyRelayTests {
  /// Feeds a chunked body in pieces, takes everything that comes out, and returns it without its chunk sizes.
  static func relay(
    _ wire: [UInt8], pieces: [Int], framesChunks: Bool, limits: HTTP1Limits = HTTP1Limits(),
    outputBytes: Int = 65_536
  ) throws -> (content: [UInt8], wireBytes: Int, contentBytes: Int, sent: [UInt8], isDone: Bool) {
    var relay = BodyRelay(.chunked(ChunkedDecoder(limits: limits)), framesChunks: framesChunks)
    let (input, output) = (Buffer(capacity: 65_536), Buffer(capacity: outputBytes))
    var (sent, wireBytes, contentBytes): ([UInt8], Int, Int) = ([], 0, 0)
    var rest = wire[...]
    var content: [UInt8] = []
    for piece in pieces {
      input.compact()
      input.append(Array(rest.prefix(piece)))
      rest = rest.dropFirst(piece)
      var progress = true
      while progress && !relay.isSourceDone {
        output.reset()
        let filled = relay.fill(from: input, to: output)
        #expect(filled.fault == nil)
        if filled.trailers != nil { input.consume(filled.wireBytes) }
        wireBytes += filled.wireBytes
        contentBytes += filled.contentBytes
        if relay.isSourceDone {
          let fits = relay.finishChunks(output) { _ in true }
          #expect(fits)
        }
        // The plan describes exactly what stands in the buffer.
        #expect(relay.leading + relay.body + relay.trailing == output.count)
        content += output.bytes.dropFirst(relay.leading).prefix(relay.body)
        sent += output.bytes
        #expect(relay.accept(output.count) == filled.contentBytes)
        #expect(relay.isFlushed)
        progress = filled.wireBytes > 0
      }
    }
    return (content, wireBytes, contentBytes, sent, relay.isSourceDone)
  }

  static let body = "4\r\nWiki\r\n6;x=\"a;b\"\r\npedia \r\n1\r\n!\r\n0\r\nX-T: 1\r\nY: 2\r\n\r\n"

  @Test func `a chunked body is framed anew alike at every two splits`() throws {
    let wire = Array(Self.body.utf8)

    for first in 0...wire.count {
      for second in stride(from: first, through: wire.count, by: 5) {
        let pieces = [first, second - first, wire.count - second]
        let result = try Self.relay(wire, pieces: pieces, framesChunks: true)
        #expect(result.content == Array("Wikipedia !".utf8), "\(pieces)")
        #expect(result.wireBytes == wire.count, "\(pieces)")
        #expect(result.contentBytes == 11)
        #expect(result.isDone)
        #expect(try Self.decoded(result.sent) == result.content, "\(pieces)")
      }
    }
  }

  /// What a receiver makes of chunks.
  static func decoded(_ wire: [UInt8]) throws -> [UInt8] {
    var decoder = ChunkedDecoder(limits: HTTP1Limits())
    let buffer = Buffer(capacity: max(1, wire.count))
    buffer.append(wire)
    var (offset, content): (Int, [UInt8]) = (0, [])
    while true {
      switch decoder.next(buffer.readable, offset: &offset) {
      case .data(let range): content += wire[range.start..<range.end]
      case .trailers: break
      case .end:
        #expect(offset == wire.count)
        return content
      case .needMore, .fault:
        Issue.record("not a whole chunked body: \(String(decoding: wire, as: UTF8.self))")
        return content
      }
    }
  }

  @Test func `any body through any cuts and any small output comes out the same`() throws {
    let seed = TestSeed()
    for index in 0..<20 {
      var generator = seed.generator(case: index)
      var (wire, content): ([UInt8], [UInt8]) = ([], [])
      for _ in 0..<Int.random(in: 0...12, using: &generator) {
        let size = Int.random(in: 1...2_000, using: &generator)
        let piece = (0..<size).map { _ in UInt8.random(in: 0...255, using: &generator) }
        wire += Array(
          "\(String(size, radix: 16))\(Bool.random(using: &generator) ? ";a=b" : "")\r\n".utf8)
        wire += piece + [0x0D, 0x0A]
        content += piece
      }
      wire += Array("0\r\n\(Bool.random(using: &generator) ? "T: 1\r\n" : "")\r\n".utf8)
      var pieces: [Int] = []
      while pieces.reduce(0, +) < wire.count {
        pieces.append(Int.random(in: 1...4_000, using: &generator))
      }
      let framesChunks = Bool.random(using: &generator)
      let outputBytes = Int.random(in: 20_000...65_536, using: &generator)

      let result = try Self.relay(
        wire, pieces: pieces, framesChunks: framesChunks, outputBytes: outputBytes)

      #expect(result.content == content, "\(seed) case \(index)")
      #expect(result.wireBytes == wire.count, "\(seed) case \(index)")
      #expect(result.contentBytes == content.count, "\(seed) case \(index)")
      #expect(result.isDone, "\(seed) case \(index)")
      if framesChunks {
        #expect(try Self.decoded(result.sent) == content, "\(seed) case \(index)")
      } else {
        #expect(result.sent == content, "\(seed) case \(index)")
      }
    }
  }

  @Test func `accepting a plan piece by piece counts its content exactly`() {
    let seed = TestSeed()
    var generator = seed.generator
    for _ in 0..<500 {
      var relay = BodyRelay()
      relay.leading = Int.random(in: 0...50, using: &generator)
      relay.body = Int.random(in: 0...50, using: &generator)
      relay.trailing = Int.random(in: 0...50, using: &generator)
      let body = relay.body
      var content = 0
      while !relay.isFlushed {
        let left = relay.leading + relay.body + relay.trailing
        let count = Int.random(in: 0...left, using: &generator)
        let foretold = relay.contentCount(inFirst: count)
        let accepted = relay.accept(count)
        #expect(accepted == foretold, "\(seed)")
        content += accepted
      }
      #expect(content == body, "\(seed)")
    }
  }

  @Test func `what arrives of a known length is counted once, and no byte beyond it`() {
    var relay = BodyRelay(.length(10), framesChunks: false)
    let input = Buffer("0123", room: 100)

    #expect(relay.countArrived(input) == 4)
    #expect(relay.countArrived(input) == 0)
    relay.acceptDirect(3, input)
    input.append("456789GET /")
    #expect(relay.countArrived(input) == 6)
    #expect(relay.directCount(input) == 7)
    #expect(relay.hasAllArrived(input))
    relay.acceptDirect(7, input)

    #expect(relay.isSourceDone)
    #expect(relay.countArrived(input) == 0)
    #expect(input.text == "GET /")
  }

  @Test func `a body until close is direct only where the sink ends alike`() {
    #expect(BodyRelay(.untilClose, framesChunks: false).isDirect)
    #expect(!BodyRelay(.untilClose, framesChunks: true).isDirect)
    #expect(BodyRelay(.tunnel, framesChunks: false).isDirect)
    #expect(!BodyRelay(.none, framesChunks: false).isDirect)
    #expect(BodyRelay(.length(0), framesChunks: false).isSourceDone)
    #expect(!BodyRelay(.length(1), framesChunks: false).isSourceDone)
  }

  @Test func `trailers at their bound always fit behind content that fills the buffer`() throws {
    var limits = HTTP1Limits()
    limits.trailerBytesMax = 1_024
    limits.trailerFieldCountMax = 1_000
    let block = String(repeating: "a:\r\n", count: 255) + "\r\n"
    let wire = Array(("fff\r\n" + String(repeating: "x", count: 4_095) + "\r\n0\r\n" + block).utf8)
    var relay = BodyRelay(.chunked(ChunkedDecoder(limits: limits)), framesChunks: true)
    let (input, output) = (Buffer(capacity: 8_192), Buffer(capacity: 6_144))
    input.append(wire)
    let policy = HeaderPolicy(TenantConfiguration())

    while !relay.isSourceDone {
      output.reset()
      let filled = relay.fill(from: input, to: output)
      if let range = filled.trailers {
        var fields: ContiguousArray<Field> = []
        let bytes = input.readable.bytes(of: range)
        #expect(parseTrailers(bytes, into: &fields) == nil)
        let fits = relay.finishChunks(output) { buffer in
          let copy = Buffer(block)
          return policy.writeTrailers(fields, in: copy.readable, hints: .none, to: buffer)
        }
        #expect(fits)
        #expect(fields.count == 255)
      }
      #expect(filled.wireBytes > 0)
      _ = relay.accept(output.count)
    }
  }
}
