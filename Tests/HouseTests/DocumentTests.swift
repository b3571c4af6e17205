import Foundation
import Testing

struct DocumentTests {
  static let pages =
    ["README.md", "CHANGELOG.md"]
    + SourceTree.files(below: "docs", endings: [".md"])
    + SourceTree.files(below: "demo", endings: [".md"]).filter { !$0.contains("/out/") }
    + SourceTree.files(below: "bench", endings: [".md"]).filter { !$0.contains("/out/") }

  @Test(arguments: pages)
  func `links inside of the tree lead somewhere`(page: String) throws {
    let text = try SourceTree.text(page)
    let folder = (page as NSString).deletingLastPathComponent

    for match in text.matches(of: /\]\(([^)#\s]+)(?:#[^)]*)?\)/) {
      let target = String(match.output.1)
      if target.hasPrefix("http") || target.hasPrefix("mailto:") { continue }
      let path = ((folder as NSString).appendingPathComponent(target) as NSString).standardizingPath
      #expect(SourceTree.exists(path), "\(page) links to \(target)")
    }
  }

  @Test func `the changelog names the version that the proxy prints`() throws {
    let source = try SourceTree.text("Sources/WeirProxy/ProgramVersion.swift")
    let version = try #require(source.firstMatch(of: /"([0-9]+\.[0-9]+\.[0-9]+)"/)).output.1

    #expect(try SourceTree.text("CHANGELOG.md").contains("## \(version)"))
  }

  @Test func `decisions are numbered without a hole`() {
    let files = SourceTree.files(below: "docs/decisions", endings: [".md"])
      .map { ($0 as NSString).lastPathComponent }
    let numbers = files.compactMap { Int($0.prefix(4)) }

    #expect(numbers == Array(1...files.count))
  }
}
