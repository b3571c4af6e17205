import HTTPCodec
import Testing

/// Mutated messages: never a crash, never a range outside, and what is accepted survives being written anew.
struct FuzzTests {
  static let mutationCount = 20_000

  @Test func `a mutated request is refused, or is the same when written anew`() {
    var random = Generator()
    var acceptedCount = 0
    for _ in 0..<Self.mutationCount {
      let bytes = mutate(Array(requestCorpus.randomElement(using: &random)!.utf8), &random)
      let cut = random.below(bytes.count + 1)

      let parsed = parseRequest(bytes, cuts: [cut])

      #expect(parsed == parseRequest(bytes), "seed \(random.seed)")
      guard let head = parsed.accepted else { continue }
      acceptedCount += 1
      let again = parseRequest(head.written).accepted
      #expect(again?.essence == head.essence, "seed \(random.seed): \(head.written)")
    }
    #expect(acceptedCount > Self.mutationCount / 20, "seed \(random.seed)")
  }

  @Test func `a mutated response is refused, or is the same when written anew`() {
    var random = Generator()
    var acceptedCount = 0
    for _ in 0..<Self.mutationCount {
      let bytes = mutate(Array(responseCorpus.randomElement(using: &random)!.utf8), &random)
      let method: HTTPMethod = [.get, .head, .connect].randomElement(using: &random)!

      let parsed = parseResponse(bytes, to: method, cuts: [random.below(bytes.count + 1)])

      #expect(parsed == parseResponse(bytes, to: method), "seed \(random.seed)")
      guard let head = parsed.accepted else { continue }
      acceptedCount += 1
      let again = parseResponse(head.written, to: method).accepted
      #expect(again?.framing == head.framing, "seed \(random.seed): \(head.written)")
      #expect(again?.fields == head.fields && again?.status == head.status)
    }
    #expect(acceptedCount > Self.mutationCount / 20, "seed \(random.seed)")
  }

  @Test func `a mutated chunked body is the same at any split`() {
    var random = Generator()
    for _ in 0..<Self.mutationCount {
      let bytes = mutate(Array(chunkCorpus.randomElement(using: &random)!.text.utf8), &random)
      let cuts = [random.below(bytes.count + 1), random.below(bytes.count + 1)].sorted()

      let whole = decodeChunked(bytes)
      let pieces = decodeChunked(bytes, cuts: cuts)

      #expect(pieces.content == whole.content && pieces.fault == whole.fault, "seed \(random.seed)")
      #expect(pieces.trailers == whole.trailers && pieces.isEnded == whole.isEnded)
      #expect(whole.length <= bytes.count && whole.content.count <= bytes.count)
    }
  }

  @Test func `a mutated trailer block is read or refused`() {
    var random = Generator()
    for _ in 0..<Self.mutationCount {
      let bytes = mutate(Array("X: a\r\nServer-Timing: cpu;dur=2\r\n\r\n".utf8), &random)
      var fields: ContiguousArray<Field> = []

      let fault = withSpan(bytes) { parseTrailers($0, into: &fields) }

      guard fault == nil else { continue }
      let isInside = fields.allSatisfy {
        $0.name.end < $0.value.end + 1 && $0.value.end <= bytes.count
      }
      #expect(isInside && !fields.isEmpty, "seed \(random.seed)")
    }
  }

  /// Bytes and pieces that parsers have stumbled over.
  private static let pieces: [String] = [
    "\r", "\n", "\r\n", "\r\n\r\n", "\0", "\t", " ", ":", ",", ";", "\"", "\\", "0", "1", "f", "#",
    "%2f", "%2e", "..", "/", "?", "@", "_", "-", "\u{7f}", "ÿ", "chunked", "Content-Length: 1\r\n",
    "Transfer-Encoding: chunked\r\n", "Host: b\r\n", "Connection: close\r\n", "HTTP/1.0", "*",
  ]

  private func mutate(_ original: [UInt8], _ random: inout Generator) -> [UInt8] {
    var bytes = original
    for _ in 0..<1 + random.below(3) {
      let at = random.below(bytes.count + 1)
      switch random.below(5) {
      case 0: bytes.insert(UInt8.random(in: 0...255, using: &random), at: at)
      case 1:
        bytes.insert(contentsOf: Array(Self.pieces.randomElement(using: &random)!.utf8), at: at)
      case 2 where at < bytes.count: bytes.remove(at: at)
      case 3 where at < bytes.count: bytes[at] ^= 1 << UInt8(random.below(8))
      default:
        let end = at + random.below(bytes.count - at + 1)
        bytes.insert(contentsOf: bytes[at..<end], at: random.below(bytes.count + 1))
      }
    }
    return bytes
  }
}

extension RequestText {
  /// The head written from its parts.
  fileprivate var written: String {
    let number = version == .http11 ? "1.1" : "1.0"
    let lines = fields.map { "\($0.name): \($0.value)\r\n" }.joined()
    return "\(methodName) \(target) HTTP/\(number)\r\n\(lines)\r\n"
  }

  /// All but its length, which white space changes.
  fileprivate var essence: RequestText {
    var copy = self
    copy.headLength = 0
    return copy
  }
}

extension ResponseText {
  /// The head written from its parts.
  fileprivate var written: String {
    let number = version == .http11 ? "1.1" : "1.0"
    let lines = fields.map { "\($0.name): \($0.value)\r\n" }.joined()
    return "HTTP/\(number) \(status) \(reason)\r\n\(lines)\r\n"
  }
}
