import Foundation
import Testing
import Usage

/// The lines of an access log, read back.
struct LogLines {
  let texts: [String]
  let objects: [[String: Any]]

  /// Reads a file; every line must be one JSON object and the last must have ended.
  init(path: String) throws {
    try self.init(
      content: String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
    )
  }

  init(content: String) throws {
    #expect(content.isEmpty || content.hasSuffix("\n"))
    texts = content.split(separator: "\n").map(String.init)
    objects = try texts.map { text in
      let object = try JSONSerialization.jsonObject(with: Data(text.utf8))
      return try #require(object as? [String: Any], "\(text)")
    }
  }

  /// Lines about exchanges.
  var exchanges: [[String: Any]] { objects.filter { $0["dropped_lines"] == nil } }

  /// Dropped lines that the log tells of.
  var dropped: UInt64 {
    objects.reduce(0) { $0 + (($1["dropped_lines"] as? NSNumber)?.uint64Value ?? 0) }
  }

  /// A quantity summed over the lines of a tenant and route.
  func sum(_ quantity: Quantity, _ key: String) -> UInt64 {
    exchanges.filter { "\($0["tenant"] ?? "")/\($0["route"] ?? "")" == key }
      .reduce(0) { $0 + (($1[quantity.name] as? NSNumber)?.uint64Value ?? 0) }
  }

  /// How many lines of a tenant and route end so.
  func count(_ end: Quantity, _ key: String) -> UInt64 {
    let name = end.name.dropFirst("ended_".count)
    return UInt64(
      exchanges.filter {
        "\($0["tenant"] ?? "")/\($0["route"] ?? "")" == key && "\($0["end"] ?? "")" == name
      }.count)
  }
}
