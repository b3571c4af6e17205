import Digest
import Testing

struct Digest256Tests {
  @Test func `hexadecimal text round-trips in either case`() throws {
    let digest = SHA256.hash("weir")

    #expect(Digest256(hex: digest.hex) == digest)
    #expect(Digest256(hex: digest.hex.uppercased()) == digest)
    #expect(Digest256(bytes: digest.bytes) == digest)
  }

  @Test(arguments: [
    "", "00", String(repeating: "0", count: 63), String(repeating: "0", count: 65),
    String(repeating: "0", count: 66), String(repeating: "g", count: 64),
  ])
  func `other texts are no digest`(text: String) {
    #expect(Digest256(hex: text) == nil)
  }

  @Test func `any number of bytes but 32 is no digest`() {
    for count in [0, 1, 31, 33, 64] {
      #expect(Digest256(bytes: [UInt8](repeating: 0, count: count)) == nil)
    }
  }

  @Test func `constant time comparison agrees with equality for every flipped bit`() throws {
    let digest = SHA256.hash("weir")
    #expect(digest.equalsInConstantTime(digest))

    for bit in 0..<256 {
      var bytes = digest.bytes
      bytes[bit / 8] ^= 1 << UInt8(bit % 8)
      let other = try #require(Digest256(bytes: bytes))
      #expect(!digest.equalsInConstantTime(other))
      #expect(digest != other)
    }
  }

  @Test func `digests are ordered as their bytes`() throws {
    var low = [UInt8](repeating: 0xff, count: 32)
    low[0] = 1
    var high = [UInt8](repeating: 0, count: 32)
    high[0] = 2

    #expect(try #require(Digest256(bytes: low)) < #require(Digest256(bytes: high)))
    #expect(Digest256.zero.bytes == [UInt8](repeating: 0, count: 32))
  }
}
