import Accounting
import Digest
import Foundation
import HTTPClient
import Store
import Testing

@testable import Allocator

@Suite struct StatementPDFTests {
  /// What Debian's `pdftotext` finds in a PDF, a page after the other.
  static func pages(_ pdf: [UInt8], _ options: [String] = ["-layout"]) throws -> [String] {
    let text = try run("pdftotext", options + ["-", "-"], input: pdf)
    return text.replacing("\u{202F}", with: " ").split(separator: "\u{0C}").map(String.init)
  }

  static func run(_ program: String, _ arguments: [String], input: [UInt8]) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [program] + arguments
    let (from, into) = (Pipe(), Pipe())
    process.standardInput = from
    process.standardOutput = into
    try process.run()
    let writer = Thread {
      try? from.fileHandleForWriting.write(contentsOf: Data(input))
      try? from.fileHandleForWriting.close()
    }
    writer.start()
    let output = try into.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0, "\(program)")
    return String(decoding: output, as: UTF8.self)
  }

  /// Keeps a PDF where a person can look at it, when WEIR_PDF names a folder.
  static func keep(_ pdf: [UInt8], _ name: String) throws {
    guard let folder = ProcessInfo.processInfo.environment["WEIR_PDF"] else { return }
    try Data(pdf).write(to: URL(fileURLWithPath: folder).appendingPathComponent(name + ".pdf"))
  }

  @Test func `a statement over many pages repeats its heads and numbers its pages`() throws {
    let pdf = try StatementPDF.bytes(SampleStatement.make(lines: 120))
    try Self.keep(pdf, "long")
    let pages = try Self.pages(pdf)

    #expect(pages.count > 5)
    for (index, page) in pages.enumerated() {
      #expect(page.contains("Page \(index + 1) of \(pages.count)"))
      #expect(page.contains("acme · 2026-10 · version 1"))
    }
    for page in pages.dropFirst().dropLast(2) { #expect(page.contains("Pool and route")) }
    let text = pages.joined()
    for index in 0..<120 { #expect(text.contains("route-\(index)")) }
    #expect(text.contains("12 345.67") && text.contains("Attributable cost"))
  }

  @Test(
    arguments: [
      ("Ünïcode Straße ΑΒΓ Журнал", "Straße"), ("שלום עולם בע״מ", "שלום"), ("شركة مثال", ""),
      ("株式会社サンプル", ""), ("👩🏽‍💻 emoji \u{202E}gnp", "emoji"),
      (String(repeating: "Long name ", count: 400), "Long name"),
      (String(repeating: "x", count: 9_000), "xxxx"),
    ])
  func `any name is drawn, and nothing leaves the page`(name: String, part: String) throws {
    let statement = try SampleStatement.make(
      tenant: String(repeating: "t", count: 128), name: name,
      note: String(repeating: "note without end ", count: 300))
    let pdf = try StatementPDF.bytes(statement)
    try Self.keep(pdf, "name-\(name.count)-\(name.utf8.count)")

    let drawn = try Self.pages(pdf).joined()
    #expect(drawn.contains(part) || part.isEmpty)
    let boxes = try Self.pages(pdf, ["-bbox"]).joined()
    let places = boxes.matches(
      of: /xMin="([-0-9.]+)" yMin="([-0-9.]+)" xMax="([-0-9.]+)" yMax="([-0-9.]+)"/)
    #expect(places.count > 100)
    for place in places {
      let (left, top, right, bottom) = (
        Double(place.output.1) ?? -1, Double(place.output.2) ?? -1, Double(place.output.3) ?? 999,
        Double(place.output.4) ?? 999
      )
      #expect(left > 30 && top > 20 && right < 567 && bottom < 832, "\(place.output.0)")
    }
    let notes = try Self.pages(pdf, ["-raw"]).joined().matches(of: /without\s+end/).count
    #expect(notes >= 300 * 5)
  }

  @Test(arguments: [("JPY", 0, "1 284 990 JPY"), ("USD", 2, "12 849.90 USD")])
  func `amounts have the digits of their currency`(code: String, unit: Int, shown: String) throws {
    let statement = try SampleStatement.make(currency: code, unit: unit)
    let text = try Self.pages(StatementPDF.bytes(statement)).joined()

    #expect(text.contains(shown), "\(text.prefix(900))")
  }

  @Test func `a statement gives the same bytes each time, on any thread`() async throws {
    let statement = try SampleStatement.make(lines: 40)
    let once = try StatementPDF.bytes(statement)
    let digests = try await withThrowingTaskGroup(of: Digest256.self) { group in
      for index in 0..<12 {
        group.addTask {
          // Another document in between, so that caches differ.
          if index.isMultiple(of: 3) {
            _ = try StatementPDF.bytes(SampleStatement.make(name: "Ω \(index)", lines: index))
          }
          return SHA256.hash(try StatementPDF.bytes(statement))
        }
      }
      return try await group.reduce(into: Set<Digest256>()) { $0.insert($1) }
    }

    #expect(digests == [SHA256.hash(once)])
    let facts = try Self.run("pdfinfo", ["-isodates", "-"], input: once)
    #expect(facts.contains("CreationDate:    2026-11-02T09:30:00"), "\(facts)")
    #expect(!facts.contains("ModDate"))
  }

  @Test func `the PDF is archived when first made and served as it was`() async throws {
    try await RunningAllocator.run { allocator in
      try await allocator.furnish()
      _ = try await allocator.close()
      let path = "/v1/periods/2026-10/statements/acme.pdf"

      let first = try await allocator.call("GET", path, as: .reader)
      let second = try await allocator.call("GET", path)

      #expect(first.status == 200, "\(first.text)")
      #expect(first.headers.contains(.init("content-type", "application/pdf")))
      #expect(
        first.headers.contains(.init("etag", "\"\(SHA256.hash(first.body).hex)\"")))
      #expect(second.body == first.body)
      try Self.keep(first.body, "allocator")
      let audit = try await allocator.call("GET", "/v1/audit?limit=1000").text
      #expect(audit.matches(of: /statement\.archive/).count == 1)
      #expect(audit.matches(of: /form=pdf/).count == 3)
    }
  }
}
