import HTTPCodec
import TestSupport
import Testing

@testable import Proxy

/// Mutated messages, forwarded: what goes on has the same meaning and the same end for everybody who reads it.
@Suite struct ForwardingFuzzTests {
  static let rounds = 5_000

  /// Runs a case for each round; at least one in twenty must have been accepted.
  private func fuzz(
    _ kind: String, _ forward: (Forwarding, [UInt8], Forwarding.Conditions) -> Forwarding.Verdict
  ) throws {
    let seed = TestSeed()
    let corpus = try CorpusFiles.all(kind)
    let forwarding = Forwarding()
    var forwarded = 0
    for round in 0..<Self.rounds {
      var random = seed.generator(case: round)
      let original = corpus[Int.random(in: 0..<corpus.count, using: &random)]
      let other = corpus[Int.random(in: 0..<corpus.count, using: &random)]
      let bytes = MessageMutator.mutate(original, with: other, &random)
      let conditions = Forwarding.Conditions(bits: UInt8.random(in: 0...63, using: &random))

      let verdict = forward(forwarding, bytes, conditions)

      if verdict == .forwarded { forwarded += 1 }
      if case .wrong(let reason) = verdict {
        let text = String(decoding: bytes, as: UTF8.self).debugDescription
        Issue.record("\(seed) case \(round): \(reason), from \(text)")
      }
    }
    #expect(forwarded > Self.rounds / 20, "\(seed)")
  }

  @Test func `a mutated request is refused, or goes on with the same meaning and end`() throws {
    try fuzz("request") { $0.request($1, $2) }
  }

  @Test func `a mutated answer is refused, or goes on with the same meaning and end`() throws {
    try fuzz("response") { $0.response($1, $2) }
  }

  @Test func `every whole message of the corpus goes on or is refused under all conditions`() throws
  {
    let forwarding = Forwarding()
    for bits in UInt8(0)..<64 {
      let conditions = Forwarding.Conditions(bits: bits)
      for bytes in try CorpusFiles.all("request") {
        if case .wrong(let reason) = forwarding.request(bytes, conditions) {
          Issue.record("\(reason)")
        }
      }
      for bytes in try CorpusFiles.all("response") {
        if case .wrong(let reason) = forwarding.response(bytes, conditions) {
          Issue.record("\(reason)")
        }
      }
    }
  }

  @Test(arguments: [
    "GET / HTTP/1.1\r\nHost: h\r\nContent_Length: 1\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: h\r\nX: a\rb\r\n\r\n", "GET / HTTP/1.1\r\nX: a\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n",
  ])
  func `the lax reader would notice what must not be sent`(wire: String) {
    #expect(throws: (any Error).self) {
      try LaxReader(Array(wire.utf8)).check(
        request: true, framing: .none, content: 0, isWhole: true, tenants: 0)
    }
  }
}
