public import Digest

/// The fields of an entry as they stand in its bytes.
struct EntryFields {
  var sequence: UInt64
  var id: Digest256
  var kind: EntryKind
  var subject: String
  var period: Period
  var version: UInt32
  var postedAt: UTCInstant
  var actor: String
  var reason: String
  var policy: Digest256?
  var imports: [Digest256]
  var reverses: Digest256?
  var postings: [Posting]
}

/// The canonical form, version 1. Integers are big-endian; a text is its length in bytes as 32 bits,
/// then UTF-8; an option is a byte 0 or 1, then the value if 1.
///
///     byte 1 (the version) · sequence u64 · id 32 bytes · kind text · subject text · period text
///     version u32 · posted-at i64 (microseconds) · actor text · reason text
///     policy option of 32 bytes · imports u32 count, 32 bytes each · reverses option of 32 bytes
///     postings u32 count, each: account text · currency text · micro-units i64
///
/// The chain: hash(n) = SHA-256( hash(n-1) ‖ canonical bytes of entry n ), with 32 zero bytes before the
/// first entry.
extension Entry {
  /// The version byte of the canonical form.
  public static let canonicalVersion: UInt8 = 1

  /// The canonical bytes.
  public var canonicalBytes: [UInt8] {
    var writer = CanonicalWriter()
    writer.byte(Self.canonicalVersion)
    writer.integer(sequence)
    writer.raw(id.bytes)
    writer.text(kind.rawValue)
    writer.text(subject)
    writer.text(period.description)
    writer.integer(version)
    writer.integer(UInt64(bitPattern: postedAt.microseconds))
    writer.text(actor)
    writer.text(reason)
    writer.optionalRaw(policy?.bytes)
    writer.integer(UInt32(imports.count))
    for digest in imports { writer.raw(digest.bytes) }
    writer.optionalRaw(reverses?.bytes)
    writer.integer(UInt32(postings.count))
    for posting in postings {
      writer.text(posting.account.text)
      writer.text(posting.amount.currency.code)
      writer.integer(UInt64(bitPattern: posting.amount.micros))
    }
    return writer.bytes
  }

  /// The hash of this entry in a chain.
  public func hash(after previous: Digest256) -> Digest256 {
    Self.hash(of: canonicalBytes, after: previous)
  }

  /// The hash of canonical bytes in a chain.
  public static func hash(of canonical: [UInt8], after previous: Digest256) -> Digest256 {
    var running = SHA256()
    running.update(previous)
    running.update(canonical)
    return running.finish()
  }

  /// Reads an entry from its canonical bytes. Throws `malformedEntry`; a version byte of another
  /// format is named.
  public init(canonicalBytes bytes: [UInt8]) throws(AccountingError) {
    var reader = CanonicalReader(bytes: bytes)
    let format = try reader.byte()
    guard format == Self.canonicalVersion else {
      throw .malformedEntry(
        offset: 0,
        reason: "this Weir reads entry version \(Self.canonicalVersion), found \(format)")
    }
    let sequence = try reader.integer(UInt64.self)
    let id = try reader.digest()
    guard let kind = EntryKind(rawValue: try reader.text()) else {
      throw reader.fault("unknown kind of entry")
    }
    let fields = EntryFields(
      sequence: sequence, id: id, kind: kind, subject: try reader.text(),
      period: try Period(parsing: try reader.text()), version: try reader.integer(UInt32.self),
      postedAt: UTCInstant(microseconds: Int64(bitPattern: try reader.integer(UInt64.self))),
      actor: try reader.text(), reason: try reader.text(), policy: try reader.optionalDigest(),
      imports: try reader.digests(), reverses: try reader.optionalDigest(),
      postings: try reader.postings())
    guard reader.isAtEnd else { throw reader.fault("bytes after the entry") }
    self.init(decoded: fields)
  }
}

/// Reads what `CanonicalWriter` wrote, never past the end.
private struct CanonicalReader {
  let bytes: [UInt8]
  var offset = 0

  var isAtEnd: Bool { offset == bytes.count }

  func fault(_ reason: String) -> AccountingError {
    .malformedEntry(offset: offset, reason: reason)
  }

  mutating func take(_ count: Int) throws(AccountingError) -> ArraySlice<UInt8> {
    guard count <= bytes.count - offset else { throw fault("it ends too early") }
    offset += count
    return bytes[offset - count..<offset]
  }

  mutating func byte() throws(AccountingError) -> UInt8 {
    try take(1).reduce(0) { $0 | $1 }
  }

  mutating func integer<Value: FixedWidthInteger & UnsignedInteger>(
    _: Value.Type
  ) throws(AccountingError) -> Value {
    try take(Value.bitWidth / 8).reduce(0) { $0 << 8 | Value($1) }
  }

  mutating func text() throws(AccountingError) -> String {
    let count = Int(try integer(UInt32.self))
    guard let text = String(validating: try take(count), as: UTF8.self) else {
      throw fault("a text is not UTF-8")
    }
    return text
  }

  mutating func digest() throws(AccountingError) -> Digest256 {
    guard let digest = Digest256(bytes: Array(try take(Digest256.byteCount))) else {
      throw fault("a digest is cut")
    }
    return digest
  }

  mutating func optionalDigest() throws(AccountingError) -> Digest256? {
    switch try byte() {
    case 0: return nil
    case 1: return try digest()
    default: throw fault("an option is neither 0 nor 1")
    }
  }

  mutating func digests() throws(AccountingError) -> [Digest256] {
    var digests: [Digest256] = []
    for _ in 0..<(try integer(UInt32.self)) { digests.append(try digest()) }
    return digests
  }

  mutating func postings() throws(AccountingError) -> [Posting] {
    var postings: [Posting] = []
    for _ in 0..<(try integer(UInt32.self)) {
      let account = try Account(text: try text())
      let currency = try Currency.named(try text())
      let micros = Int64(bitPattern: try integer(UInt64.self))
      postings.append(
        Posting(account: account, amount: Money(micros: micros, currency: currency)))
    }
    return postings
  }
}
