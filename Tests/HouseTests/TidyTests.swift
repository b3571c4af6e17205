import Foundation
import Testing

struct TidyTests {
  static let sources =
    SourceTree.files(below: "Sources", endings: [".swift", ".c", ".h"])
    + SourceTree.files(below: "Tests", endings: [".swift", ".py"])
    + SourceTree.files(below: "bench", endings: [".swift", ".c", ".py", ".lua"])
    .filter { !$0.contains("/out/") }
    + SourceTree.files(below: "demo", endings: [".swift", ".py"])

  @Test func `no unfinished work is left in the sources`() throws {
    // Written in two parts, so that this file does not find itself.
    let marks = ["TO" + "DO", "FIX" + "ME", "X" + "XX:", "fatalError(\"not" + " impl"]
    for file in Self.sources {
      let text = try SourceTree.text(file)
      for mark in marks { #expect(!text.contains(mark), "\(file) holds \(mark)") }
    }
  }

  @Test func `Swift lines are at most 100 columns wide`() throws {
    for file in Self.sources where file.hasSuffix(".swift") {
      for (index, line) in try SourceTree.text(file).split(
        separator: "\n", omittingEmptySubsequences: false
      ).enumerated() where line.count > 100 && !line.contains("https://") {
        let isText = line.contains("\"") || line.contains("//") || line.contains("`")
        #expect(isText && line.count <= 140, "\(file):\(index + 1) is \(line.count) wide")
      }
    }
  }

  @Test func `no room is called after nothing in particular`() throws {
    let vague = ["Core", "Common", "Util", "Utils", "Manager", "Helper", "Helpers"]
    for folder in ["Sources", "Tests", "demo", "bench"] {
      for name in try SourceTree.folders(in: folder) { #expect(!vague.contains(name)) }
    }
  }

  @Test func `modules do not share their name with a type inside them`() throws {
    for room in try SourceTree.folders(in: "Sources") {
      for file in SourceTree.files(below: "Sources/\(room)", endings: [".swift"]) {
        let text = try SourceTree.text(file)
        let declares = text.contains(
          try Regex(
            "(?m)^(public |package )?(final )?(struct|class|enum|actor|protocol) \(room)\\b"))
        #expect(!declares, "\(file) declares \(room)")
      }
    }
  }
}
