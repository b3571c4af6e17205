import HTTPCodec
import Platform
import Testing

@testable import Proxy

@Suite struct RequestIDTests {
  static func text(_ id: RequestID) -> String {
    let output = Buffer(capacity: 128)
    let fits = id.write(to: output)
    #expect(fits)
    return output.text
  }

  @Test(arguments: [
    "a", "1234567", "12345678", "123456789", "f47ac10b-58cc-4372-a567-0e02b2c3d479",
    "Az09._~:@/+=-", String(repeating: "x", count: 64), String(repeating: "y", count: 63),
  ])
  func `an id that was sent is kept byte for byte`(sent: String) {
    let buffer = Buffer("  " + sent)
    var id = RequestID()

    let isKept = id.keep(ByteRange(start: 2, count: sent.utf8.count), in: buffer.readable)

    #expect(isKept)
    #expect(id.count == sent.utf8.count)
    #expect(Self.text(id) == sent)
  }

  @Test(arguments: [
    "", "a b", "a\"b", "a\\b", "a,b", "é", "a\tb", "{", String(repeating: "x", count: 65),
  ])
  func `what could hurt a log or a page is not kept`(sent: String) {
    let buffer = Buffer(sent + " ")
    var id = RequestID()

    let isKept = id.keep(ByteRange(start: 0, count: sent.utf8.count), in: buffer.readable)

    #expect(!isKept)
    #expect(id.count == 0)
    #expect(Self.text(id) == "")
  }

  @Test func `a long id leaves nothing behind for a short one`() {
    let (long, short) = (Buffer(String(repeating: "z", count: 64)), Buffer("ab"))
    var id = RequestID()

    _ = id.keep(ByteRange(start: 0, count: 64), in: long.readable)
    _ = id.keep(ByteRange(start: 0, count: 2), in: short.readable)

    #expect(Self.text(id) == "ab")
  }

  @Test func `made ids are 32 digits and differ`() {
    var random = RandomSource(state: (1, 2, 3, 4))
    var seen: Set<String> = []
    for _ in 0..<10_000 {
      var id = RequestID()
      id.make(&random)
      let text = Self.text(id)
      #expect(text.count == 32 && text.allSatisfy { $0.isHexDigit && !$0.isUppercase })
      #expect(seen.insert(text).inserted)
    }
  }

  @Test func `two workers begin with different seeds`() throws {
    var (first, second) = (
      try RandomSource(syscalls: Syscalls()), try RandomSource(syscalls: Syscalls())
    )

    let (one, other) = (first.next(), second.next())
    #expect(one != other)
  }

  @Test(
    arguments: [
      (0, "0000000000000000"), (UInt64.max, "ffffffffffffffff"),
      (0x0123_4567_89ab_cdef, "0123456789abcdef"), (0xfedc_ba98_7654_3210, "fedcba9876543210"),
      (0x0a00_0000_0000_0009, "0a00000000000009"),
    ] as [(UInt64, String)])
  func `numbers become hexadecimal digits`(value: UInt64, digits: String) {
    let output = Buffer(capacity: 17)
    let (first, second) = (output.append(hex: value), output.append(hex: value))

    #expect(first && !second)
    #expect(output.text == digits)
  }

  @Test func `the generator follows its published sequence`() {
    // Computed from the authors' definition; the first is rotl(1 + 4, 23) + 1.
    var random = RandomSource(state: (1, 2, 3, 4))

    let numbers = (0..<4).map { _ in random.next() }
    #expect(numbers == [41_943_041, 58_720_359, 3_588_806_011_781_223, 3_591_011_842_654_386])
  }
}
