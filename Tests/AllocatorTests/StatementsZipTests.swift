import Accounting
import Digest
import Foundation
import HTTPClient
import Store
import Testing

@testable import Allocator

/// The archive of all statements as Python's zipfile and sha256sum read it.
@Suite struct StatementsZipTests {
  private static let path = "/v1/periods/2026-10/statements-zip"

  @Test func `the archive unpacks, its manifest holds, and it comes out the same again`()
    async throws
  {
    try await ExportTests.month { allocator in
      let first = try await allocator.call("GET", Self.path)
      let again = try await allocator.call("GET", Self.path)
      #expect(first.status == 200, "\(first.text.prefix(300))")
      #expect(first.headers.contains(.init("content-type", "application/zip")))
      #expect(first.body == again.body)
      let file = allocator.folder.appendingPathComponent("month.zip")
      try Data(first.body).write(to: file)

      let checked = try StatementPDFTests.run(
        "sh",
        [
          "-c",
          """
          set -e; cd "$1"; python3 -m zipfile -t month.zip; python3 -m zipfile -e month.zip out
          cd out/weir-2026-10-v1; sha256sum -c --strict sums.sha256 | wc -l
          python3 - ../../month.zip <<'END'
          import sys, zipfile
          names = zipfile.ZipFile(sys.argv[1]).namelist()
          assert names == sorted(names), names
          print(len(names), *names)
          END
          """, "sh", allocator.folder.path,
        ], input: [])
      let folder = allocator.folder.appendingPathComponent("out/weir-2026-10-v1")
      let json = try Data(
        contentsOf: folder.appendingPathComponent("statements/-42olt--2-2eio.json"))
      let issued = try await allocator.call(
        "GET", "/v1/periods/2026-10/statements/Bolt-2.io?format=json")
      let pdf = try Data(contentsOf: folder.appendingPathComponent("statements/acme.pdf"))
      let archived = try await allocator.call("GET", "/v1/periods/2026-10/statements/acme.pdf")

      #expect(checked.contains("15\n") && checked.contains("16 "), "\(checked)")
      #expect([UInt8](json) == issued.body)
      #expect([UInt8](pdf) == archived.body)
    }
  }

  @Test func `the archive holds the forms that were asked for`() async throws {
    try await ExportTests.month { allocator in
      let some = try await allocator.call("GET", Self.path + "?forms=csv,json")
      let wrong = try await allocator.call("GET", Self.path + "?forms=csv,doc")

      let text = String(decoding: some.body, as: UTF8.self)
      #expect(text.contains("statements/acme.csv") && !text.contains("statements/acme.pdf"))
      #expect(wrong.status == 400)
    }
  }

  @Test func `an archive with more files than ZIP can count is read as ZIP64`() throws {
    var zip = ZipWriter()
    let file = FileManager.default.temporaryDirectory
      .appendingPathComponent("weir-\(UUID().uuidString).zip")
    defer { try? FileManager.default.removeItem(at: file) }
    var bytes: [UInt8] = []
    for index in 0..<70_000 {
      bytes += try zip.file("f/\(index)", Array("\(index)".utf8), isPacked: true)
    }
    bytes += zip.finish()
    try Data(bytes).write(to: file)

    let read = try StatementPDFTests.run(
      "python3",
      [
        "-c",
        """
        import sys, zipfile
        z = zipfile.ZipFile(sys.argv[1]); names = z.namelist()
        print(len(names), z.read("f/69999").decode(), z.testzip())
        """, file.path,
      ], input: [])

    #expect(read == "70000 69999 None\n")
  }

  @Test(arguments: [0, 1, 100, 65_535, 1_000_000])
  func `a compressed file unpacks to itself`(count: Int) throws {
    var zip = ZipWriter()
    let content = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 7) }
    let bytes = try zip.file("a", content, isPacked: false) + zip.finish()
    let file = FileManager.default.temporaryDirectory
      .appendingPathComponent("weir-\(UUID().uuidString).zip")
    defer { try? FileManager.default.removeItem(at: file) }
    try Data(bytes).write(to: file)

    let read = try StatementPDFTests.run(
      "python3",
      [
        "-c",
        """
        import hashlib, sys, zipfile
        print(hashlib.sha256(zipfile.ZipFile(sys.argv[1]).read("a")).hexdigest())
        """, file.path,
      ], input: [])

    #expect(read == SHA256.hash(content).hex + "\n")
  }
}
