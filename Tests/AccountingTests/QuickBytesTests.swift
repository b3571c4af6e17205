import Testing

@testable import Accounting

/// What looks at eight bytes at a time agrees with what looks at each.
struct QuickBytesTests {
  /// Bytes that are special, their neighbours, and those that differ from them in the highest bit.
  private static let bytes: [UInt8] = [
    0x00, 0x09, 0x0a, 0x0b, 0x0d, 0x1f, 0x20, 0x21, 0x22, 0x23, 0x2c, 0x2d, 0x3b, 0x5b, 0x5c, 0x5d,
    0x61, 0x7f, 0x80, 0x8a, 0x8d, 0xa2, 0xac, 0xdc, 0xff,
  ]

  private func run(_ random: inout SplitMix64) -> [UInt8] {
    // Mostly plain, so that runs are long.
    (0..<Int.random(in: 0...40, using: &random)).map { _ in
      random.chance(85) ? 0x61 : Self.bytes.randomElement(using: &random) ?? 0
    }
  }

  @Test func `a plain field ends where a look at each byte ends it`() {
    var random = SplitMix64(seed: Seed.value)
    for _ in 0..<20_000 {
      let bytes = run(&random)
      let delimiter: UInt8 = random.chance(50) ? 0x2c : 0x3b
      let ends: Set<UInt8> = [delimiter, 0x0a, 0x0d, 0x22]
      for start in [0, bytes.count / 3] {
        let wanted = bytes[start...].firstIndex(where: ends.contains) ?? bytes.count
        #expect(CSVScanner.stop(bytes.span, start, delimiter) == wanted, "\(bytes) \(Seed.comment)")
      }
    }
  }

  @Test func `a text is written with the escapes that each of its bytes needs`() throws {
    var random = SplitMix64(seed: Seed.value)
    for _ in 0..<20_000 {
      let scalars = run(&random).map { Unicode.Scalar($0) }
      let text = String(String.UnicodeScalarView(scalars))
      var written: [UInt8] = []
      JSONValue.write(text, to: &written)

      #expect(try JSONValue(parsing: written) == .string(text), Seed.comment)
      #expect(written.allSatisfy { $0 >= 0x20 }, Seed.comment)
    }
  }

  @Test func `texts and runs are equal when each byte is`() {
    var random = SplitMix64(seed: Seed.value)
    for _ in 0..<5_000 {
      let bytes = run(&random).map { $0 & 0x7f }
      var other = bytes
      if !other.isEmpty, random.chance(50) {
        other[Int.random(in: other.indices, using: &random)] ^= 1
      }
      let text = String(decoding: bytes, as: UTF8.self)
      #expect(CostBytes.equal(bytes, other.span) == (bytes == other), Seed.comment)
      #expect(CostBytes.equal(text, other.span) == (bytes == other), Seed.comment)
      #expect((0..<64).contains(CostBytes.slot(other.span, of: 64)), Seed.comment)
    }
  }
}
