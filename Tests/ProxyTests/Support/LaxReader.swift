import HTTPCodec

/// A reader of heads that shares no code with the codec and folds names as gateways to programs do:
/// what it makes of a written message is what a lenient peer would.
struct LaxReader {
  private struct Fault: Error, CustomStringConvertible {
    let description: String
  }

  private let wire: [UInt8]

  init(_ wire: [UInt8]) { self.wire = wire }

  /// Throws unless there is one head with clean lines, and its fields say what is meant about the body.
  func check(
    request: Bool, framing: BodyFraming, content: Int, isWhole: Bool, tenants: Int?
  ) throws {
    let lines = try headLines()
    var values: [String: [String]] = [:]
    for line in lines.dropFirst() {
      guard let colon = line.firstIndex(of: ":"), colon != line.startIndex,
        !line[..<colon].contains(where: { $0 == " " || $0 == "\t" })
      else { throw fault("a line without a name") }
      let name = line[..<colon].lowercased().map { $0 == "_" || $0 == "." ? "-" : $0 }
      let value = line[line.index(after: colon)...].trimmingPrefix(while: { $0 == " " })
      values[String(name), default: []].append(String(value))
    }
    let lengths = values["content-length"] ?? []
    let codings = values["transfer-encoding"] ?? []
    switch framing {
    case .none: try require(codings.isEmpty && (!request || lengths.isEmpty), "a body is announced")
    case .contentLength(let count):
      try require(lengths == ["\(count)"] && codings.isEmpty, "the length is not alone")
      if isWhole { try require(UInt64(content) == count, "the length is another") }
    case .chunked: try require(codings == ["chunked"] && lengths.isEmpty, "the coding is not alone")
    case .untilClose: try require(codings.isEmpty && lengths.isEmpty, "an end is announced")
    }
    if request { try require(values["host"]?.count == 1, "not one host") }
    if let tenants {
      try require((values["x-weir-tenant"] ?? []).count == tenants, "another number of tenants")
      try require(values["x-weir-tenant"]?.first ?? "acme" == "acme", "another tenant")
    }
    try require((values["connection"] ?? []).count <= 1, "two Connection fields")
  }

  /// The lines of the head, each byte checked.
  private func headLines() throws -> [String] {
    var lines: [String] = []
    var line: [UInt8] = []
    var index = 0
    while index < wire.count {
      switch wire[index] {
      case 13:
        guard index + 1 < wire.count, wire[index + 1] == 10 else { throw fault("a bare CR") }
        if line.isEmpty { return lines }
        lines.append(String(decoding: line, as: UTF8.self))
        line = []
        index += 1
      case 9, 32...126, 128...255: line.append(wire[index])
      default: throw fault("a control byte")
      }
      index += 1
    }
    throw fault("no end")
  }

  private func require(_ holds: Bool, _ reason: String) throws {
    if !holds { throw fault(reason) }
  }

  private func fault(_ reason: String) -> Fault {
    Fault(
      description:
        "a lax reader: \(reason): \(String(decoding: wire, as: UTF8.self).debugDescription)")
  }
}
