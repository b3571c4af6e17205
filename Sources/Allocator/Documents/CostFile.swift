internal import Accounting
internal import Digest
internal import Store

/// A cost file while it arrives, plain or gzip: told by its first two bytes.
///
/// Give it what came from the network, then take events until there are none. Memory: one chunk,
/// one piece of at most 64 KiB, and the events of that piece.
struct CostFile: ~Copyable {
  /// What was wrong with the file as a whole.
  enum Failure: Error, Equatable {
    /// It is larger than allowed after decompression.
    case tooLarge(limit: Int)
  }

  private enum Form {
    case unknown([UInt8])
    case plain
    case gzip(Inflater)
  }

  private var form = Form.unknown([])
  private var plainPiece: [UInt8]?
  private var reader = FocusReader()
  private var hash = SHA256()
  private var bytes = 0
  private let limit: Int

  /// A file of at most `limit` bytes after decompression.
  init(limit: Int) {
    self.limit = limit
  }

  /// Takes a chunk from the network.
  mutating func give(_ chunk: [UInt8]) throws {
    switch form {
    case .unknown(let held):
      let start = held + chunk
      guard start.count >= 2 else {
        form = .unknown(start)
        return
      }
      form = start[0] == 0x1F && start[1] == 0x8B ? .gzip(try Inflater()) : .plain
      try give(start)
    case .plain: plainPiece = chunk
    case .gzip(let inflater): inflater.give(chunk)
    }
  }

  /// What the next piece of the file told, or nil when more of it is needed.
  mutating func next() throws -> [FocusEvent]? {
    let piece: [UInt8]?
    switch form {
    case .unknown: piece = nil
    case .plain: piece = plainPiece.take()
    case .gzip(let inflater): piece = try inflater.next()
    }
    guard let piece else { return nil }
    return try read(piece)
  }

  /// Ends the file: what its last row told, and the facts about the whole.
  consuming func finish() throws -> (events: [FocusEvent], facts: CostFileFacts) {
    var events: [FocusEvent] = []
    switch form {
    case .unknown(let held): events = try read(held)
    case .plain: break
    case .gzip(let inflater): try inflater.finish()
    }
    events += try reader.finish()
    guard let version = reader.version else {
      throw AccountingError.notFocus(reason: "the file is empty")
    }
    let totals = reader.totals
    let size = bytes
    let facts = CostFileFacts(
      digest: hash.finish(), bytes: size, version: version, totals: totals)
    return (events, facts)
  }

  private mutating func read(_ piece: [UInt8]) throws -> [FocusEvent] {
    bytes += piece.count
    guard bytes <= limit else { throw Failure.tooLarge(limit: limit) }
    hash.update(piece)
    return try reader.feed(piece)
  }
}
