import PlainHTTP
import Platform
import TestSupport
import Testing

@Suite struct ByteRingTests {
  static func text(_ ring: ByteRing, room: Int = 1_024) -> String {
    let buffer = Buffer(capacity: room)
    let count = ring.peek(into: buffer)
    #expect(count == buffer.count)
    let span = buffer.readable
    return String(decoding: (0..<span.byteCount).map { span[$0] }, as: UTF8.self)
  }

  static func write(_ text: String, _ ring: ByteRing) -> Bool {
    let buffer = Buffer(capacity: max(1, text.utf8.count))
    buffer.append(Array(text.utf8))
    return ring.write(buffer.readable)
  }

  @Test func `what does not fit is not begun`() {
    let ring = ByteRing(capacity: 64)

    #expect(Self.write(String(repeating: "a", count: 60), ring))
    #expect(!Self.write("12345", ring))
    #expect(Self.write("1234", ring))
    #expect(!Self.write("x", ring))
    #expect(ring.count == 64)
    ring.consume(61)
    #expect(Self.text(ring) == "234")
  }

  @Test func `bytes go around the end, and a small reader takes a part`() {
    let ring = ByteRing(capacity: 64)

    #expect(Self.write(String(repeating: "a", count: 50), ring))
    ring.consume(50)
    #expect(Self.write("0123456789abcdefghij0123456789", ring))
    #expect(Self.text(ring, room: 20) == "0123456789abcdefghij")
    ring.consume(20)
    #expect(Self.text(ring) == "0123456789")
    ring.consume(10)
    #expect(ring.count == 0)
    #expect(Self.text(ring) == "")
  }

  @Test func `two threads hand over every byte in order`() throws {
    let ring = ByteRing(capacity: 256)
    let count = 20_000
    let writer = try SpawnedThread {
      // Bound: each line is written once; the reader makes room.
      for number in 0..<count {
        while !Self.write("\(number)\n", ring) { Clocks.pause(milliseconds: 0) }
      }
    }
    var read: [UInt8] = []
    let buffer = Buffer(capacity: 100)
    let expected = (0..<count).map { "\($0)\n" }.joined()
    try awaitCondition("all lines", withinMilliseconds: 60_000) {
      while true {
        buffer.reset()
        let taken = ring.peek(into: buffer)
        if taken == 0 { break }
        let span = buffer.readable
        for index in 0..<taken { read.append(span[index]) }
        ring.consume(taken)
      }
      return read.count >= expected.utf8.count
    }
    writer.join()

    #expect(read == Array(expected.utf8))
  }
}
