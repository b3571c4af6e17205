import TestSupport
import Testing

@testable import Proxy

struct StreamTableTests {
  private final class Stream {
    let id: Int32
    init(_ id: Int32) { self.id = id }
  }

  @Test func `it holds what a dictionary would, whatever comes and goes`() {
    let seed = UInt64.random(in: .min ... .max)
    print("seed \(seed)")
    var random = SplitMix64(seed: seed)
    var table = StreamTable<Stream>()
    var model: [Int32: Stream] = [:]

    for step in 0..<20_000 {
      // Numbers that meet in few slots, as a client may choose them, and numbers in order, as clients do.
      let id =
        step % 2 == 0
        ? Int32(1 + 2 * (step / 200 + Int(random.next() % 60)))
        : Int32(truncatingIfNeeded: random.next() % 40) * 4_096 + 1
      if random.next() % 5 < 2 || model.count > 300 {
        table[id] = nil
        model[id] = nil
      } else {
        let stream = Stream(id)
        table[id] = stream
        model[id] = stream
      }
      #expect(table[id] === model[id])
      let other = model.keys.first ?? 1
      #expect(table[other] === model[other])
      if step % 100 == 0 {
        #expect(table.count == model.count)
        #expect(Set(table.values.map(\.id)) == Set(model.keys), "seed \(seed) step \(step)")
        for (id, stream) in model { #expect(table[id] === stream, "seed \(seed) step \(step)") }
      }
    }
  }

  @Test func `number 0, which is the connection, is never found`() {
    var table = StreamTable<Stream>()
    #expect(table[0] == nil)

    table[1] = Stream(1)

    #expect(table[0] == nil && table[-1] == nil)
    table.removeAll()
    #expect(table[1] == nil && table.count == 0)
  }
}
