/// The head of a request, as ranges of the bytes that it was parsed from.
///
/// Meant to be kept and used again: parsing resets it, and its arrays keep their capacity, so that in
/// steady state a request allocates nothing. An object of one thread, so that handing it on copies nothing.
/// Its ranges are valid as long as those bytes stay in place.
public final class RequestHead {
  /// The method, `other` when it is none of those that Weir names.
  public internal(set) var method: HTTPMethod = .other
  /// The method as it was sent.
  public internal(set) var methodRange: ByteRange = .empty
  /// The request target as it was sent.
  public internal(set) var target: ByteRange = .empty
  /// How the target names the resource.
  public internal(set) var targetForm: TargetForm = .origin
  /// Host and port: of an absolute or CONNECT target, else of the Host field. A valid `Authority`.
  public internal(set) var authority: ByteRange = .empty
  /// Path and query as they were sent.
  ///
  /// Empty, or beginning with `?`, for an absolute target without a path (write a `/` before it), and
  /// empty for `*` and CONNECT.
  public internal(set) var path: ByteRange = .empty
  /// `path` up to its first `?`.
  public internal(set) var pathWithoutQuery: ByteRange = .empty
  /// Whether the path has a segment `.` or `..`: also percent-encoded, between backslashes, or with
  /// `;parameters`.
  public internal(set) var hasDotSegments = false
  /// Whether the path holds a slash in disguise: `%2F`, `%5C` or `\`.
  public internal(set) var hasEncodedSlash = false
  /// The version that the client speaks.
  public internal(set) var version: HTTPVersion = .http11
  /// The fields, in their order.
  public internal(set) var fields: ContiguousArray<Field> = []
  /// The options of the Connection fields, in their order; each is a token, none is a forbidden name.
  public internal(set) var connectionOptions: ContiguousArray<ByteRange> = []
  /// Where the body ends. Never `untilClose`.
  public internal(set) var framing: BodyFraming = .none
  /// Whether the client lets the connection be used again.
  public internal(set) var isKeepAlive = false
  /// Whether the client waits for `100 Continue` before it sends the body. Never on HTTP/1.0.
  public internal(set) var expectsContinue = false
  /// The value of Upgrade, if Connection lists `upgrade`. Nil on HTTP/1.0.
  public internal(set) var upgrade: ByteRange?
  /// Whether `TE` lists `trailers`.
  public internal(set) var acceptsTrailers = false
  /// Bytes of the head with its empty line, and an empty line before it if there was one.
  public internal(set) var headLength = 0
  /// One bit for each kind of field that is there.
  var seen: UInt64 = 0

  /// Makes an empty head with room for the usual number of fields.
  public init() {
    fields.reserveCapacity(32)
    connectionOptions.reserveCapacity(4)
  }

  /// Whether a field of this kind is there.
  public func contains(_ known: KnownField) -> Bool { seen & known.bit != 0 }

  /// The first field of this kind.
  public func field(_ known: KnownField) -> Field? {
    contains(known) ? fields.first { $0.known == known } : nil
  }

  /// The first field whose name is `lowercase`, whatever the case it was sent in.
  public func field(named lowercase: StaticString, in bytes: RawSpan) -> Field? {
    fields.firstNamed(lowercase, in: bytes)
  }

  /// The first field whose name is `lowercase`, whatever the case it was sent in.
  public func field(named lowercase: [UInt8], in bytes: RawSpan) -> Field? {
    fields.firstNamed(lowercase, in: bytes)
  }

  /// Forgets the last head, keeps the memory.
  func reset() {
    if !fields.isEmpty { fields.removeAll(keepingCapacity: true) }
    if !connectionOptions.isEmpty { connectionOptions.removeAll(keepingCapacity: true) }
    authority = .empty
    path = .empty
    pathWithoutQuery = .empty
    hasDotSegments = false
    hasEncodedSlash = false
  }
}

extension ContiguousArray<Field> {
  /// The first field whose name is `lowercase`, whatever the case it was sent in.
  public func firstNamed(_ lowercase: StaticString, in bytes: RawSpan) -> Field? {
    for field in self where bytes.matches(field.name, lowercase: lowercase) { return field }
    return nil
  }

  /// The first field whose name is `lowercase`, whatever the case it was sent in.
  public func firstNamed(_ lowercase: [UInt8], in bytes: RawSpan) -> Field? {
    for field in self where bytes.matches(field.name, lowercase: lowercase) { return field }
    return nil
  }
}
