/// How a client reaches its server and what it is ready to wait for.
public struct HTTPClientConfiguration: Sendable, Equatable {
  /// To connect, TLS included. Default 5 s: more than a lost SYN sent twice again.
  public var connectTimeoutMilliseconds: Int
  /// For a whole exchange. Default 30 s: a large batch over a slow line.
  public var totalTimeoutMilliseconds: Int
  /// The longest response body. Default 1 MiB.
  public var bodyBytesMax: Int
  /// PEM file of trusted roots instead of the system's.
  public var caFile: String?
  /// Connect to this Unix-domain socket instead of the URL's host.
  public var unixSocketPath: String?

  /// A configuration, the defaults unless given.
  public init(
    connectTimeoutMilliseconds: Int = 5_000, totalTimeoutMilliseconds: Int = 30_000,
    bodyBytesMax: Int = 1 << 20, caFile: String? = nil, unixSocketPath: String? = nil
  ) {
    self.connectTimeoutMilliseconds = connectTimeoutMilliseconds
    self.totalTimeoutMilliseconds = totalTimeoutMilliseconds
    self.bodyBytesMax = bodyBytesMax
    self.caFile = caFile
    self.unixSocketPath = unixSocketPath
  }
}
