import Foundation
import Platform
import Testing

@testable import Proxy

@Suite struct AccessLineTests {
  @Test(
    arguments: [
      (0, "1970-01-01T00:00:00.000Z"), (951_782_399_999_999, "2000-02-28T23:59:59.999Z"),
      (951_782_400_000_000, "2000-02-29T00:00:00.000Z"),
      (1_764_111_852_345_678, "2025-11-25T23:04:12.345Z"),
      (4_102_444_799_001_000, "2099-12-31T23:59:59.001Z"), (-5, "1970-01-01T00:00:00.000Z"),
    ] as [(Int64, String)])
  func `time is RFC 3339 in UTC with milliseconds`(microseconds: Int64, text: String) {
    let output = Buffer(capacity: 64)

    AccessLine.writeTime(microseconds, output)

    #expect(output.text == text)
  }

  @Test func `any byte in a text leaves the line one line of valid JSON`() throws {
    let output = Buffer(capacity: 8_192)
    var line = AccessLine(output, at: 0)
    line.text("all", (0...255).map { UInt8($0) })
    line.number("n", .max)
    line.finish()

    #expect(output.text.filter { $0 == "\n" }.count == 1)
    #expect(output.text.hasSuffix("}\n"))
    let object = try JSONSerialization.jsonObject(with: Data(output.bytes)) as? [String: Any]
    let text = try #require(object?["all"] as? String)
    #expect(text.unicodeScalars.map(\.value) == Array(0...255))
    #expect((object?["n"] as? NSNumber)?.uint64Value == .max)
  }
}
