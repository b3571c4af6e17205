internal import Accounting
internal import Digest
internal import Store

/// The files of one import: a single one as it is, or several in frames, in the order in which they came.
///
/// A frame for each file: its name (2 bytes of length, big-endian, then UTF-8), chunks (4 bytes of
/// length, then bytes), and a chunk of length 0. All files of an import have one form. Memory: one
/// chunk of at most `chunkBytesMax` and what `CostFile` needs.
struct CostFileSet: ~Copyable {
  /// The media type of a body in frames.
  static let mediaType = "application/vnd.weir.files"
  /// Bound: a chunk of a frame.
  private static let chunkBytesMax = 16 << 20
  /// Bound: files of an import.
  private static let filesMax = 10_000

  private enum Place {
    case name
    case chunk
  }

  private let choice: CostFileChoice
  private let map: Digest256?
  private let limit: Int
  private let isFramed: Bool
  private var place = Place.name
  private var buffer: [UInt8] = []
  private var file: CostFile?
  private var names: [String] = []
  private var done: [CostFileFacts] = []
  private var bytes = 0

  /// The name of the file at hand; nil when there is only one without a name.
  var fileName: String? { names.last }

  /// Files of at most `limit` bytes together.
  init(_ choice: CostFileChoice, map: Digest256?, limit: Int, isFramed: Bool) {
    self.choice = choice
    self.map = map
    self.limit = limit
    self.isFramed = isFramed
    if !isFramed { file = CostFile(choice, limit: limit) }
  }

  /// Takes a chunk from the network and hands on what it told, each time with the file's name.
  mutating func take(
    _ chunk: [UInt8], _ body: (String?, [CostEvent]) async throws -> Void
  ) async throws {
    guard isFramed else { return try await give(chunk, body) }
    buffer += chunk
    while try await step(body) {}
  }

  private mutating func step(
    _ body: (String?, [CostEvent]) async throws -> Void
  ) async throws -> Bool {
    switch place {
    case .name:
      guard buffer.count >= 2 else { return false }
      let count = Int(buffer[0]) << 8 | Int(buffer[1])
      guard buffer.count >= 2 + count else { return false }
      guard count > 0, let name = String(validating: buffer[2..<2 + count], as: UTF8.self),
        names.count < Self.filesMax
      else { throw Self.broken }
      buffer.removeFirst(2 + count)
      names.append(name)
      file = CostFile(choice, limit: limit - bytes)
      place = .chunk
    case .chunk:
      guard buffer.count >= 4 else { return false }
      let count = buffer[0..<4].reduce(0) { $0 << 8 | Int($1) }
      guard count <= Self.chunkBytesMax else { throw Self.broken }
      guard buffer.count >= 4 + count else { return false }
      let piece = Array(buffer[4..<4 + count])
      buffer.removeFirst(4 + count)
      if count > 0 {
        try await give(piece, body)
      } else {
        try await end(body)
        place = .name
      }
    }
    return true
  }

  private mutating func give(
    _ piece: [UInt8], _ body: (String?, [CostEvent]) async throws -> Void
  ) async throws {
    let name = fileName
    do {
      try file?.give(piece)
      while let events = try file?.next() ?? nil { try await body(name, events) }
    } catch let error as AccountingError {
      throw Self.named(error, name)
    }
  }

  private mutating func end(
    _ body: (String?, [CostEvent]) async throws -> Void
  ) async throws {
    guard let last = file.take() else { return }
    bytes += last.bytes
    do {
      let (events, facts) = try last.finish(map: map)
      try await body(fileName, events)
      if let first = done.first, first.form != facts.form {
        throw AccountingError.unreadableCosts(
          reason: "it is \(facts.form.rawValue), the files before are \(first.form.rawValue)")
      }
      if facts.totals.records > 0,
        let twin = done.firstIndex(where: { $0.digest == facts.digest })
      {
        throw AccountingError.unreadableCosts(
          reason: "it has the same bytes as \(names[twin]): give one of them")
      }
      done.append(facts)
    } catch let error as AccountingError {
      throw Self.named(error, fileName)
    }
  }

  /// Ends the import: what the last row told went to `body`; the facts about all files.
  mutating func finish(
    _ body: (String?, [CostEvent]) async throws -> Void
  ) async throws -> CostFileFacts {
    if isFramed {
      guard buffer.isEmpty, place == .name, !done.isEmpty else { throw Self.broken }
    } else {
      try await end(body)
    }
    guard var facts = done.first else { throw Self.broken }
    guard done.count > 1 else { return facts }
    var hash = SHA256()
    for (name, one) in zip(names, done) {
      hash.update(Array("\(name)\t\(one.digest.hex)\n".utf8))
    }
    facts.digest = hash.finish()
    for one in done.dropFirst() {
      facts.bytes += one.bytes
      facts.totals.add(one.totals)
    }
    return facts
  }

  private static let broken = AccountingError.unreadableCosts(reason: "the frames are broken")

  private static func named(_ error: AccountingError, _ name: String?) -> AccountingError {
    guard let name else { return error }
    return .unreadableCosts(reason: "\(name): \(error)")
  }
}
