import Foundation
import HTTPCodec
import Platform
import TestSupport
import Testing
import Usage

@testable import Proxy

@Suite struct SmallPartsTests {
  private struct Envelope: Decodable {
    struct Fault: Decodable, Equatable {
      let code: String
      let message: String
    }
    let error: Fault
  }

  @Test(arguments: LocalAnswer.all.indices, [true, false])
  func `an answer of Weir's own is valid JSON of exactly the length that it says`(
    index: Int, isHead: Bool
  ) throws {
    let answer = LocalAnswer.all[index]
    let output = Buffer(capacity: 4_096)
    let code = Array("\(answer.code)".utf8)

    let body = LocalAnswer.write(
      status: answer.status, code: code, message: answer.message, closes: true, isHead: isHead,
      date: HTTPDate.bytes(microseconds: 0), to: output)

    let parsed = try #require(ParsedResponse(output.text, to: isHead ? .head : .get))
    let content = output.bytes.dropFirst(parsed.head.headLength)
    #expect(parsed.head.status == answer.status)
    #expect(!parsed.head.isKeepAlive)
    #expect(body == content.count)
    if isHead {
      #expect(content.isEmpty)
    } else {
      #expect(parsed.head.framing == .contentLength(UInt64(content.count)))
      let envelope = try JSONDecoder().decode(Envelope.self, from: Data(content))
      #expect(envelope.error == .init(code: "\(answer.code)", message: "\(answer.message)"))
    }
    #expect("\(LocalAnswer.reason(answer.status))" != "HTTP Version Not Supported")
  }

  @Test func `an answer that does not fit is said`() {
    let whole = Buffer(capacity: 4_096)
    func write(_ output: Buffer) -> Int? {
      LocalAnswer.write(
        status: 405, code: [0x61], message: "m", closes: true, isHead: false,
        date: HTTPDate.bytes(microseconds: 0), to: output)
    }
    #expect(write(whole) != nil)

    for capacity in 1..<whole.count { #expect(write(Buffer(capacity: capacity)) == nil) }
  }

  @Test(arguments: [
    (0, "Thu, 01 Jan 1970 00:00:00 GMT"), (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
    (951_782_399, "Mon, 28 Feb 2000 23:59:59 GMT"), (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
    (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"), (-1, "Wed, 31 Dec 1969 23:59:59 GMT"),
  ])
  func `a date is written as HTTP wants it`(seconds: Int64, text: String) {
    #expect(
      String(decoding: HTTPDate.bytes(microseconds: seconds * 1_000_000), as: UTF8.self) == text)
  }

  @Test func `any date is the one that the system's calendar names`() {
    let seed = TestSeed()
    var generator = seed.generator
    let formatter = DateFormatter()
    formatter.locale = Locale(identifier: "en_US_POSIX")
    formatter.timeZone = TimeZone(identifier: "GMT")
    formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"

    for _ in 0..<500 {
      let seconds = Int64.random(in: 0...7_000_000_000, using: &generator)
      let text = String(decoding: HTTPDate.bytes(microseconds: seconds * 1_000_000), as: UTF8.self)
      #expect(
        text == formatter.string(from: Date(timeIntervalSince1970: Double(seconds))), "\(seed)")
    }
  }

  private final class Item {}

  @Test func `a slot that is used again has another generation`() {
    var slab = Slab<Item>()
    let first = Item()
    let (slot, generation) = slab.reserve()
    slab.put(first, at: slot)
    #expect(slab.element(at: slot, generation: generation) === first)

    slab.remove(at: slot)
    #expect(slab.element(at: slot, generation: generation) == nil)
    let again = slab.reserve()
    slab.put(Item(), at: again.slot)

    #expect(again.slot == slot)
    #expect(again.generation != generation)
    #expect(slab.element(at: slot, generation: generation) == nil)
    #expect(slab.element(at: slot, generation: again.generation) != nil)
    #expect(slab.element(at: 99, generation: 0) == nil)
    #expect(slab.count == 1)
  }

  @Test func `a slab behaves like a dictionary through any use`() {
    let seed = TestSeed()
    var generator = seed.generator
    var slab = Slab<Item>()
    var model: [Int: (generation: UInt32, item: Item)] = [:]
    for _ in 0..<3_000 {
      switch Int.random(in: 0..<4, using: &generator) {
      case 0, 1:
        let (slot, generation) = slab.reserve()
        #expect(model[slot] == nil, "\(seed)")
        let item = Item()
        slab.put(item, at: slot)
        model[slot] = (generation, item)
      case 2:
        let (slot, _) = slab.reserve()
        slab.abandon(slot)
      default:
        if let slot = model.keys.sorted().randomElement(using: &generator) {
          slab.remove(at: slot)
          model[slot] = nil
        }
      }
      #expect(slab.count == model.count, "\(seed)")
    }
    for (slot, entry) in model {
      #expect(slab.element(at: slot, generation: entry.generation) === entry.item, "\(seed)")
    }
    #expect((0..<slab.slotCount).count { slab[$0] != nil } == model.count)
  }

  @Test func `an event's word gives back what was put in`() {
    let word = EventWord.connection(.upstream, slot: 0xFFFF_FFFF, generation: 0xFF_FFFF)

    #expect(EventWord.kind(of: word) == .upstream)
    #expect(EventWord.place(of: word).slot == 0xFFFF_FFFF)
    #expect(EventWord.place(of: word).generation == 0xFF_FFFF)
    #expect(EventWord.kind(of: EventWord.listener(3)) == .listener)
    #expect(EventWord.place(of: EventWord.listener(3)).slot == 3)
    #expect(EventWord.kind(of: EventWord.wakeup) == .wakeup)
  }

  @Test func `each counter has a metric of its own`() {
    let metrics = WorkerCounters.Cell.allCases.map { "\($0.metric.name){\($0.metric.label ?? "")}" }

    #expect(Set(metrics).count == metrics.count)
    #expect(
      WorkerCounters.Cell.allCases.allSatisfy {
        $0.metric.isGauge != $0.metric.name.hasSuffix("_total")
      })
  }
}
