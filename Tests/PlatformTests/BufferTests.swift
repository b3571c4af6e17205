import TestSupport
import Testing

@testable import Platform

@Suite struct BufferTests {
  static func bytes(_ buffer: Buffer) -> [UInt8] {
    let span = buffer.readable
    return (0..<span.byteCount).map { span[$0] }
  }

  @Test func `a buffer behaves like an array through any use`() {
    let seed = TestSeed()
    var generator = seed.generator
    let buffer = Buffer(capacity: 97)
    var model: [UInt8] = []
    for _ in 0..<3_000 {
      switch Int.random(in: 0..<7, using: &generator) {
      case 0, 1:
        let count = Int.random(in: 0...40, using: &generator)
        let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
        let fits = buffer.free >= count
        #expect(buffer.append(bytes) == fits, "\(seed)")
        if fits { model += bytes }
      case 2:
        let fits = buffer.free > 0
        #expect(buffer.append(byte: 7) == fits, "\(seed)")
        if fits { model.append(7) }
      case 3:
        let count = Int.random(in: 0...model.count, using: &generator)
        buffer.consume(count)
        model.removeFirst(count)
      case 4: buffer.compact()
      case 5:
        let count = Int.random(in: 0...min(5, model.count), using: &generator)
        buffer.dropLast(count)
        model.removeLast(count)
      default:
        let number =
          UInt64.random(in: 0...UInt64.max, using: &generator)
          >> UInt64.random(in: 0...63, using: &generator)
        if buffer.append(decimal: number) { model += Array("\(number)".utf8) }
      }
      #expect(Self.bytes(buffer) == model, "\(seed)")
      #expect(buffer.count == model.count && buffer.isEmpty == model.isEmpty, "\(seed)")
      #expect(buffer.consumed + buffer.count + buffer.free == buffer.capacity, "\(seed)")
    }
  }

  @Test(arguments: [
    0, 1, 9, 10, 99, 100, 4_294_967_295, 9_999_999_999_999_999_999, 10_000_000_000_000_000_000,
    UInt64.max,
  ])
  func `a number is written in decimal`(value: UInt64) {
    let buffer = Buffer(capacity: 20)

    #expect(buffer.append(decimal: value))
    #expect(String(decoding: Self.bytes(buffer), as: UTF8.self) == "\(value)")
  }

  @Test func `what was advanced over can be brought back, what was consumed to the end cannot`() {
    let buffer = Buffer(capacity: 16)
    buffer.append("abcdef")

    buffer.advance(2)
    buffer.advance(4)
    #expect(buffer.isEmpty)
    #expect(buffer.consumed == 6)
    buffer.rewind()
    #expect(Self.bytes(buffer) == Array("abcdef".utf8))
    buffer.consume(6)
    buffer.rewind()
    #expect(buffer.isEmpty)
    #expect(buffer.free == 16)
  }

  @Test func `compacting frees what was consumed and keeps the rest`() {
    let buffer = Buffer(capacity: 6)
    buffer.append("abcdef")
    buffer.consume(4)
    #expect(buffer.free == 0)

    buffer.compact()

    #expect(buffer.free == 4)
    #expect(Self.bytes(buffer) == Array("ef".utf8))
    #expect(buffer.append("ghij"))
    #expect(Self.bytes(buffer) == Array("efghij".utf8))
  }

  @Test func `a byte can be overwritten in place`() {
    let buffer = Buffer(capacity: 8)
    buffer.append("xabc")
    buffer.consume(1)

    buffer.overwrite(at: 1, with: 0x5A)

    #expect(Self.bytes(buffer) == Array("aZc".utf8))
  }

  @Test func `a pool counts what it lends and gives the same memory again`() {
    let pool = BufferPool(capacity: 32, keptMax: 1)
    let (first, second) = (pool.take(), pool.take())
    first.append("dirty")
    #expect(pool.lent == 2)

    pool.give(first)
    pool.give(second)

    #expect(pool.lent == 0)
    let again = pool.take()
    #expect(again === first)
    #expect(again.isEmpty)
    #expect(pool.take() !== second)
  }

  @Test func `taking more than there is stops the process`() async {
    await #expect(processExitsWith: .failure) {
      let buffer = Buffer(capacity: 4)
      buffer.consume(1)
    }
    await #expect(processExitsWith: .failure) { Buffer(capacity: 4).dropLast(1) }
    await #expect(processExitsWith: .failure) { _ = Buffer(capacity: 0) }
  }
}
