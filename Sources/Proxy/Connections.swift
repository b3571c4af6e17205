import Platform

/// A client's connection and the one exchange that it carries at a time.
final class DownstreamConnection {
  let channel: Channel
  /// Position of its listener in the tables, and in the meter.
  let listener: Int
  /// The client's address: the peer's, or the one that a PROXY header announced.
  var client: ClientAddress
  /// Whether the listener trusts whoever writes the requests.
  var isTrusted: Bool
  /// Whether a PROXY header has to come before anything else.
  var awaitsProxyHeader = false
  /// The certificates of its handshake, until that begins; nil without TLS.
  var tlsContext: TLSServerContext?
  /// The names of the client's certificate, when it showed one that verified.
  var certificate: CertificateNames?
  /// The host that its handshake was for, when the client showed a certificate.
  var serverName: [UInt8]?
  /// Whether its bytes come over TLS.
  var isEncrypted = false
  /// Its streams, when it speaks HTTP/2.
  var http2: HTTP2Connection?
  /// Whether the TLS handshake has begun and is not complete.
  var isHandshaking = false
  /// What its client's address is counted under (`AddressCounts`); 0 when it is not counted.
  var addressKey: UInt64 = 0
  /// The request that is being served; the worker's shared idle one while there is none (`ExchangePool`).
  var exchange: Exchange
  /// The upstream that the exchange uses now.
  var upstream: UpstreamConnection?
  /// Where the last look for a head's end stopped.
  var scanned = 0
  /// When the first byte of the head that is being received came; nil between heads.
  var headStart: UInt64?
  /// Heads received so far.
  var requestCount = 0
  /// Monotonic time at which something must have happened.
  var deadline: UInt64 = 0
  /// Since when the connection waits for its next head.
  var idleSince: UInt64
  /// After an answer that closes: reading on, so that the client gets to see it.
  var isLingering = false
  /// Its listener is gone: the next response is its last.
  var isRetiring = false
  /// Its socket is closed and its slot given back: nothing happens to it any more.
  var isClosed = false
  /// Whether the worker goes on with it in the next turn without waiting for an event.
  var isReady = false
  /// Whether the worker's list of paced connections has it; it may be there for longer than the exchange lasts.
  var isPaced = false

  init(
    channel: Channel, listener: Int, client: ClientAddress, isTrusted: Bool, idle: Exchange,
    now: UInt64
  ) {
    self.channel = channel
    exchange = idle
    self.listener = listener
    self.client = client
    self.isTrusted = isTrusted
    idleSince = now
  }
}

/// A connection to an upstream: used by one exchange, or idle in its pool.
final class UpstreamConnection {
  let channel: Channel
  /// Position of its upstream in the tables.
  let upstream: Int
  /// Its address.
  let member: UpstreamMember
  /// Whose exchange it serves; nil while idle. Strong, because a weak one costs atomic work in each event; the
  /// cycle is broken when the two part (`Worker.releaseUpstream`).
  var downstream: DownstreamConnection?
  /// Whether requests may be sent: the transport is up, and TLS if there is any.
  var isConnected = false
  /// What it carries, when it speaks HTTP/2; no exchange uses it directly then.
  var http2: UpstreamHTTP2?
  /// Exchanges that it has served completely.
  var served = 0
  /// Where the last look for a head's end stopped.
  var scanned = 0
  /// While idle: when it is closed.
  var deadline: UInt64 = 0
  /// When it is too old to be used again.
  var expires: UInt64 = .max

  init(channel: Channel, upstream: Int, member: UpstreamMember) {
    self.channel = channel
    self.upstream = upstream
    self.member = member
  }
}
