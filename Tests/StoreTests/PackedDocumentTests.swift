import Accounting
import Foundation
import Testing

@testable import Store

@Suite struct PackedDocumentTests {
  @Test func `a document unpacks to its bytes, and one that was never packed stays`() throws {
    var random = SplitMix64.seeded()
    for size in [0, 1, 2, 1_000, 300_000] {
      let bytes = (0..<size).map { _ in UInt8(truncatingIfNeeded: random.next() >> 60) }
      let packed = PackedDocument.pack(bytes)
      #expect(try PackedDocument.unpack(Data(packed)) == bytes, random.comment)
      #expect(size < 1_000 || packed.count < size, random.comment)
    }
    #expect(try PackedDocument.unpack(Data("{}".utf8)) == Array("{}".utf8))
    #expect(try PackedDocument.unpack(Data()) == [])
    let long = Array("{\"a\":1}".utf8)
    #expect(PackedDocument.pack(long, max: 6) == long)
  }

  @Test func `a damaged document is refused or has other bytes, and never traps`() throws {
    var random = SplitMix64.seeded()
    let text = (0..<2_000).map { "line \($0 % 37)" }.joined(separator: "\n")
    let packed = PackedDocument.pack(Array(text.utf8))
    for cut in 0..<packed.count where cut < 40 || cut % 7 == 0 {
      let found = try? PackedDocument.unpack(Data(packed[..<cut]))
      #expect(found == nil || cut < 4, "\(cut)")
    }
    for _ in 0..<500 {
      var changed = packed
      changed[random.next(below: changed.count)] = UInt8(truncatingIfNeeded: random.next())
      _ = try? PackedDocument.unpack(Data(changed))
    }
    // A frame that claims to hold 2^63 bytes.
    let claim: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD, 0xE0, 0, 0, 0, 0, 0, 0, 0, 0x80, 1, 0, 0]
    #expect(throws: StoreError.self) { try PackedDocument.unpack(Data(claim)) }
  }

  @Test func `documents come in their order, each made once, until one cannot be made`() throws {
    struct Unmade: Error {}
    @Sendable func document(_ index: Int) throws -> StatementDocument {
      if index == 900 { throw Unmade() }
      return StatementDocument(
        tenant: "t\(index)", total: Money(micros: 0, currency: try Currency.named("USD")),
        bytes: Array("\(index)".utf8))
    }
    var seen: [String] = []
    try StatementDocuments(count: 700, document).makeAll { prepared in
      let bytes = try PackedDocument.unpack(Data(prepared.packed))
      #expect(bytes == prepared.document.bytes)
      seen.append(prepared.document.tenant)
    }
    #expect(seen == (0..<700).map { "t\($0)" })
    seen = []
    let broken = StatementDocuments(count: 1_000, document)
    #expect(throws: Unmade.self) { try broken.makeAll { seen.append($0.document.tenant) } }
    #expect(seen.count < 901)
  }
}
