import Foundation
import HTTPCodec
import Testing

/// The reference page says what the code does.
struct ReferenceTests {
  private func page() throws -> String {
    let root = URL(filePath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    return try String(contentsOf: root.appending(path: "docs/reference/http1.md"), encoding: .utf8)
  }

  @Test func `every fault code is on the page once, with its status`() throws {
    let rows = try page().split(separator: "\n").compactMap { line -> (String, String)? in
      let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
      guard cells.count >= 3, Int(cells[0]) != nil else { return nil }
      return (cells[1].trimmingCharacters(in: ["`"]), cells[0])
    }
    let ofStatusLine: Set<FaultCode> = [.statusLineMalformed, .statusInvalid]

    #expect(rows.map(\.0).sorted() == FaultCode.allCases.map(\.rawValue).sorted())
    for (code, status) in rows {
      let known = try #require(FaultCode(rawValue: code))
      #expect(status == (ofStatusLine.contains(known) ? "502" : "\(known.status)"))
    }
  }

  @Test func `every test that the page names is there`() throws {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    let files = FileManager.default.enumerator(at: root, includingPropertiesForKeys: nil)
    var sources = ""
    while let file = files?.nextObject() as? URL {
      if file.pathExtension == "swift" { sources += try String(contentsOf: file, encoding: .utf8) }
    }
    let table = try #require(try page().split(separator: "| rule | tests |").last)
    let named = table.split(separator: "\n").filter { $0.hasPrefix("|") }
      .flatMap { $0.split(separator: "|").last?.split(separator: ", `") ?? [] }
      .map { $0.trimmingCharacters(in: [" ", "`", "-"]) }.filter { !$0.isEmpty }

    #expect(named.count > 25)
    for name in named { #expect(sources.contains("func `\(name)`"), "\(name)") }
  }

  @Test func `the defaults of the bounds are on the page`() throws {
    let text = try page()
    let limits = HTTP1Limits()

    #expect(text.contains("\(limits.headBytesMax) bytes of head"))
    #expect(text.contains("\(limits.fieldCountMax) fields in a head"))
    #expect(text.contains("\(limits.targetBytesMax) bytes of request target"))
    #expect(text.contains("\(limits.chunkExtensionBytesMax) bytes of chunk extensions"))
    #expect(text.contains("\(limits.trailerBytesMax) bytes of trailer block"))
    #expect(text.contains("\(limits.trailerFieldCountMax) fields in a trailer block"))
  }
}
