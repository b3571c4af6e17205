import Foundation
import Testing

@testable import Usage

/// The committed files are the format: other programs read them. `WEIR_WRITE_GOLDEN=1` writes new ones.
struct GoldenBatchTests {
  static let cases: [(file: String, batch: Batch)] = [
    ("heartbeat", BatchSamples.heartbeat), ("rich", BatchSamples.rich),
    ("columns", BatchSamples.columns), ("merged", BatchSamples.merged),
  ]

  private static func path(_ file: String, _ kind: String) -> URL {
    URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Golden/\(file).\(kind)")
  }

  @Test(arguments: ["heartbeat", "rich", "columns", "merged"])
  func `a golden batch is encoded byte for byte and says what its rendering says`(
    file: String
  ) throws {
    let batch = try #require(Self.cases.first { $0.file == file }).batch
    let encoded = try BatchCodec.encode(batch)
    if ProcessInfo.processInfo.environment["WEIR_WRITE_GOLDEN"] == "1" {
      try Data(encoded).write(to: Self.path(file, "weirbatch"))
      try Data(BatchRendering.json(batch).utf8).write(to: Self.path(file, "json"))
    }

    let golden = [UInt8](try Data(contentsOf: Self.path(file, "weirbatch")))
    let rendering = try String(contentsOf: Self.path(file, "json"), encoding: .utf8)
    let payload = try BatchCodec.payload(of: golden)

    #expect(try BatchCodec.payload(of: encoded) == payload)
    #expect(encoded == golden, "compressed by another version of LZ4 than the golden file?")
    #expect(BatchRendering.json(try BatchCodec.decode(golden)) == rendering)
    #expect(try BatchCodec.decode(golden) == batch)
  }

  @Test(arguments: ["heartbeat", "rich", "columns", "merged"])
  func `a batch of version 1 is read, with nothing in the quantities that it did not know`(
    file: String
  ) throws {
    let golden = [UInt8](try Data(contentsOf: Self.path("version-1/" + file, "weirbatch")))
    let rendering = try String(
      contentsOf: Self.path("version-1/" + file, "json"), encoding: .utf8)

    let batch = try BatchCodec.decode(golden)

    #expect(BatchRendering.json(batch) == rendering)
    #expect(batch.rows.allSatisfy { $0.quantities.count == Quantity.count })
    #expect(try BatchCodec.decode(BatchCodec.encode(batch)) == batch)
    #expect(throws: BatchError.unsupportedVersion(found: 3, supported: 2)) {
      try BatchReader(payload: BatchCodec.payload(of: golden), version: 3)
    }
  }

  @Test func `a golden rendering is well-formed JSON`() throws {
    for file in Self.cases.map(\.file) {
      let data = try Data(contentsOf: Self.path(file, "json"))
      #expect(try JSONSerialization.jsonObject(with: data) is [String: Any])
    }
  }

  @Test func `the format page lists every quantity as the code has it`() throws {
    let page = try String(
      contentsOf: URL(fileURLWithPath: #filePath)
        .appendingPathComponent("../../../docs/reference/batch-format.md").standardized,
      encoding: .utf8)
    for quantity in Quantity.allCases {
      #expect(page.contains("| \(quantity.rawValue) | `\(quantity.name)` | \(quantity.unit) |\n"))
    }
    for quantity in ConnectionQuantity.allCases {
      #expect(page.contains("| \(quantity.rawValue) | `\(quantity.name)` |\n"))
    }
    #expect(page.contains("# The batch format, version \(BatchCodec.version)\n"))
  }

  @Test func `any flipped bit of a file is refused`() throws {
    let golden = [UInt8](try Data(contentsOf: Self.path("rich", "weirbatch")))

    for offset in golden.indices {
      for bit in 0..<8 {
        var flipped = golden
        flipped[offset] ^= 1 << UInt8(bit)
        #expect(throws: BatchError.self, "byte \(offset) bit \(bit)") {
          try BatchCodec.decode(flipped)
        }
      }
    }
  }

  @Test func `a file cut anywhere or continued is refused`() throws {
    let golden = [UInt8](try Data(contentsOf: Self.path("heartbeat", "weirbatch")))

    for length in golden.indices {
      #expect(throws: BatchError.self) { try BatchCodec.decode(Array(golden[..<length])) }
    }
    #expect(throws: BatchError.self) { try BatchCodec.decode(golden + [0]) }
  }
}
