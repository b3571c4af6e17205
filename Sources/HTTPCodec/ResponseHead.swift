/// The head of a response, as ranges of the bytes that it was parsed from.
///
/// To be kept and used again, as `RequestHead`.
public final class ResponseHead {
  /// The version that the upstream speaks.
  public internal(set) var version: HTTPVersion = .http11
  /// The status code, 100 to 599.
  public internal(set) var status = 0
  /// The reason phrase; may be empty.
  public internal(set) var reason: ByteRange = .empty
  /// The fields, in their order.
  public internal(set) var fields: ContiguousArray<Field> = []
  /// The options of the Connection fields, in their order; each is a token, none is a forbidden name.
  public internal(set) var connectionOptions: ContiguousArray<ByteRange> = []
  /// Where the body ends, by the status and the method of the request: `none` for an answer to HEAD, for
  /// 1xx, 204 and 304, and for 2xx to CONNECT, whatever the fields say. What follows a 101 is not HTTP.
  public internal(set) var framing: BodyFraming = .none
  /// Whether the connection can be used again after this response. False with `untilClose`.
  public internal(set) var isKeepAlive = false
  /// The value of Upgrade, if Connection lists `upgrade`. Nil on HTTP/1.0.
  public internal(set) var upgrade: ByteRange?
  /// Bytes of the head with its empty line.
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
  }
}
