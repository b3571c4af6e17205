import HTTPCodec
import TestSupport
import Testing

/// The files of `Corpus`, whole and mutated: no crash, and no split of the bytes changes the outcome.
struct CorpusFileTests {
  static let mutations = 4_000

  /// What a parser made of the bytes, in a form that can be compared.
  private func outcome(_ kind: String, _ bytes: [UInt8], cuts: [Int]) -> String {
    switch kind {
    case "request": "\(parseRequest(bytes, cuts: cuts))"
    case "response": "\(parseResponse(bytes, to: .get, cuts: cuts))"
    default: describe(decodeChunked(bytes, cuts: cuts))
    }
  }

  private func describe(_ body: DecodedBody) -> String {
    "\(body.content) \(body.trailers) \(body.isEnded) \(body.fault.map(\.rawValue) ?? "")"
  }

  @Test(arguments: ["request", "response", "chunked"])
  func `a file of the corpus reads the same at every split`(kind: String) throws {
    for bytes in try CorpusFiles.all(kind) {
      let whole = outcome(kind, bytes, cuts: [])
      for cut in 0...bytes.count {
        #expect(outcome(kind, bytes, cuts: [cut]) == whole, "\(bytes) cut at \(cut)")
      }
      #expect(outcome(kind, bytes, cuts: Array(0...bytes.count)) == whole)
    }
  }

  @Test(arguments: ["request", "response", "chunked"])
  func `a mutated file reads the same at any splits`(kind: String) throws {
    let seed = TestSeed()
    let corpus = try CorpusFiles.all(kind)
    for round in 0..<Self.mutations {
      var random = seed.generator(case: round)
      let original = corpus[Int.random(in: 0..<corpus.count, using: &random)]
      let other = corpus[Int.random(in: 0..<corpus.count, using: &random)]
      let bytes = MessageMutator.mutate(original, with: other, &random)
      let cuts = (0..<3).map { _ in Int.random(in: 0...bytes.count, using: &random) }.sorted()

      let whole = outcome(kind, bytes, cuts: [])

      #expect(outcome(kind, bytes, cuts: cuts) == whole, "\(seed) case \(round)")
    }
  }
}
