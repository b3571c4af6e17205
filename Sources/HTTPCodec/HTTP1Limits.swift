/// What the codec accepts at most. One value a listener, one a group of upstreams.
public struct HTTP1Limits: Sendable, Equatable {
  /// Bytes of a whole head, from its first byte to the end of its empty line. Default 16 KiB: twice
  /// what browsers send in practice, and small enough that 10,000 slow clients hold 160 MB at most.
  public var headBytesMax = 16_384

  /// Fields of a head. Default 100: work that is done per field stays bounded.
  public var fieldCountMax = 100

  /// Bytes of a request target. Default 8 KiB, the length that RFC 9110 asks every server to support.
  public var targetBytesMax = 8_192

  /// Bytes of all chunk extensions of one message together. Default 16 KiB: extensions carry nothing
  /// that Weir uses, so without a bound they would be unmetered traffic.
  public var chunkExtensionBytesMax = 16_384

  /// Bytes of a trailer block with its empty line. Default 16 KiB, as for a head.
  public var trailerBytesMax = 16_384

  /// Fields of a trailer block. Default 100, as for a head.
  public var trailerFieldCountMax = 100

  /// Whether a line of a *head* may end in a bare line feed. Default false: parsers that disagree
  /// about line ends disagree about where a message ends. Chunked framing never accepts it.
  public var acceptsBareLineFeed = false

  /// Whether an HTTP/1.0 request may lack the Host field. Default false; some load balancers' health
  /// checks need it. Such a head has an empty `authority`.
  public var acceptsMissingHostFromHTTP10 = false

  /// What becomes of request fields whose name holds `_`. Default: they are passed on.
  public var underscoreNames = UnderscoreNames.forward

  /// The defaults.
  public init() {}
}
