import Foundation
import Testing

struct ArchitectureTests {
  @Test func `every file that the two stories name exists`() throws {
    let page = try SourceTree.text("docs/architecture.md")
    let named = page.matches(of: /Sources\/[A-Za-z0-9+\/]+\.swift/).map { String($0.output) }

    #expect(named.count > 25)
    for path in named { #expect(SourceTree.exists(path), "\(path) is named, and not there") }
  }

  @Test func `every target imports what the architecture page allows, and no more`() throws {
    let page = try SourceTree.text("docs/architecture.md")
    let rooms = Set(try SourceTree.folders(in: "Sources"))
    let allowed = Self.table(page, rooms: rooms)

    #expect(allowed.count >= 13, "the table of rooms was not read")
    for (room, imports) in allowed {
      for file in SourceTree.files(below: "Sources/\(room)", endings: [".swift"]) {
        let text = try SourceTree.text(file)
        for match in text.matches(
          of: /(?m)^(?:(?:public|internal|package|@testable) )*import ([A-Za-z0-9]+)/)
        where rooms.contains(String(match.output.1)) {
          let name = String(match.output.1)
          #expect(imports.contains(name), "\(file) imports \(name), which \(room) may not see")
        }
      }
    }
  }

  @Test func `each room opens with a README`() throws {
    for room in try SourceTree.folders(in: "Sources") {
      let isC = try SourceTree.text("Package.swift").contains(
        "systemLibrary(\n      name: \"\(room)\"")
      let swift = SourceTree.files(below: "Sources/\(room)", endings: [".swift"])
      if isC || swift.isEmpty { continue }
      #expect(SourceTree.exists("Sources/\(room)/README.md"), "\(room) has no README")
    }
  }

  @Test func `the proxy links no server framework and no database`() throws {
    let forbidden = ["NIO", "GRDB", "Hummingbird", "Foundation"]
    for room in ["WeirProxy", "Proxy", "Shipping", "Metering", "Usage", "Platform", "HTTPCodec"] {
      for file in SourceTree.files(below: "Sources/\(room)", endings: [".swift"]) {
        let text = try SourceTree.text(file)
        for name in forbidden {
          #expect(!text.contains("import \(name)"), "\(file) imports \(name)")
        }
      }
    }
  }

  /// Room to allowed imports, from the rows `| `Room` | … | A, B |`; a transitive import is listed too.
  private static func table(_ page: String, rooms: Set<String>) -> [String: Set<String>] {
    var table: [String: Set<String>] = [:]
    for line in page.split(separator: "\n") where line.hasPrefix("| `") {
      let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
      guard cells.count == 3 else { continue }
      let room = cells[0].replacingOccurrences(of: "`", with: "")
      let words = cells[2].split { !$0.isLetter && !$0.isNumber }.map(String.init)
      table[room] = Set(words).intersection(rooms).union([room])
    }
    return table
  }
}
