internal import Accounting
internal import Digest
internal import Store

/// A cost file while it arrives, plain, gzip or zstd: told by its first four bytes.
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
    case zstd(ZstdInflater)
  }

  private static let gzipMark: [UInt8] = [0x1F, 0x8B]
  private static let zstdMark: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD]

  private var form = Form.unknown([])
  private var plainPiece: [UInt8]?
  private var reader: CostFileReader
  private var hash = SHA256()
  private let limit: Int
  /// How long it is so far, after decompression.
  private(set) var bytes = 0

  /// A file of at most `limit` bytes after decompression, of a chosen form or of the one it tells.
  init(_ choice: CostFileChoice = CostFileChoice(), limit: Int) {
    reader = CostFileReader(choice)
    self.limit = limit
  }

  /// Takes a chunk from the network.
  mutating func give(_ chunk: [UInt8]) throws {
    switch form {
    case .unknown(let held):
      let start = held + chunk
      guard start.count >= Self.zstdMark.count else {
        form = .unknown(start)
        return
      }
      if start.starts(with: Self.gzipMark) {
        form = .gzip(try Inflater())
      } else if start.starts(with: Self.zstdMark) {
        form = .zstd(try ZstdInflater())
      } else {
        form = .plain
      }
      try give(start)
    case .plain: plainPiece = chunk
    case .gzip(let inflater): inflater.give(chunk)
    case .zstd(let inflater): inflater.give(chunk)
    }
  }

  /// What the next piece of the file told, or nil when more of it is needed.
  mutating func next() throws -> [CostEvent]? {
    let piece: [UInt8]?
    switch form {
    case .unknown: piece = nil
    case .plain: piece = plainPiece.take()
    case .gzip(let inflater): piece = try inflater.next()
    case .zstd(let inflater): piece = try inflater.next()
    }
    guard let piece else { return nil }
    return try read(piece)
  }

  /// Ends the file: what its last row told, and the facts about the whole.
  consuming func finish(
    map: Digest256? = nil
  ) throws -> (events: [CostEvent], facts: CostFileFacts) {
    var events: [CostEvent] = []
    switch form {
    case .unknown(let held):
      // Two bytes are enough to know gzip, which is cut off then.
      if held.starts(with: Self.gzipMark) { throw Inflater.Failure.cutOff }
      events = try read(held)
    case .plain: break
    case .gzip(let inflater): try inflater.finish()
    case .zstd(let inflater): try inflater.finish()
    }
    events += try reader.finish()
    guard let format = reader.format else {
      throw AccountingError.unreadableCosts(reason: "the file is empty")
    }
    let totals = reader.totals
    let version = reader.version
    let size = bytes
    let facts = CostFileFacts(
      digest: hash.finish(), bytes: size, form: format, version: version, map: map, totals: totals)
    return (events, facts)
  }

  private mutating func read(_ piece: [UInt8]) throws -> [CostEvent] {
    bytes += piece.count
    guard bytes <= limit else { throw Failure.tooLarge(limit: limit) }
    hash.update(piece)
    return try reader.feed(piece)
  }
}
