public import Platform
public import Usage

/// What the data plane needs to know. Plain values with their defaults; `validate()` names every fault.
public struct ProxyConfiguration: Sendable, Equatable {
  /// Worker threads; 0 means one a core.
  public var workers = 0
  /// Whether worker n runs on processor n only. Default false: the scheduler usually knows better.
  public var pinsWorkers = false
  /// Sockets that clients connect to. At least one.
  public var listeners: [ListenerConfiguration] = []
  /// How a request's tenant is found.
  public var tenants = TenantConfiguration()
  /// How the names among upstreams' addresses are resolved.
  public var resolver = ResolverConfiguration()
  /// Named groups of addresses.
  public var upstreams: [UpstreamConfiguration] = []
  /// Which requests go where, and under which name they are counted.
  public var routes: [RouteConfiguration] = []
  /// When the process sheds load.
  public var overload = OverloadConfiguration()
  /// What each tenant may use at most.
  public var tenantLimits = TenantLimitConfiguration()
  /// The log of exchanges, nil for none.
  public var accessLog: AccessLogConfiguration?
  /// What Weir writes into heads beside the tenant.
  public var headers = HeaderConfiguration()
  /// Bounds on what clients may send.
  public var limits = LimitConfiguration()
  /// Bounds on how long anything may take.
  public var timeouts = TimeoutConfiguration()

  /// A configuration with defaults and nothing to do.
  public init() {}
}

/// One listening socket; every worker opens its own on the same address.
public struct ListenerConfiguration: Sendable, Equatable {
  /// The name in metrics and batches: 1 to 64 bytes of `[A-Za-z0-9._-]`.
  public var name: String
  /// Where to listen; port 0 lets the kernel choose.
  public var address: SocketAddress
  /// Peers whose tenant header and forwarding fields are believed. Default: none.
  public var trusted: [AddressRange] = []
  /// Peers whose connections are closed at once, before a byte is read. Default: none.
  public var denied: [AddressRange] = []
  /// Whether connections begin with a PROXY header, version 1 or 2. Only trusted peers may connect then.
  /// Default false.
  public var expectsProxyHeader = false
  /// Whether an IPv6 address takes IPv6 clients only; else `[::]` takes IPv4 clients too. Default false.
  public var isIPv6Only = false
  /// Whether its exchanges come into the access log, when there is one. Default true.
  public var writesAccessLog = true
  /// Whether heads may end lines with a bare line feed. Default false.
  public var acceptsBareLineFeed = false
  /// What becomes of request fields whose name holds `_`. Default: they are passed on.
  public var underscoreNames = UnderscoreChoice.forward
  /// Certificates and rules of TLS; nil for plain connections. Default nil.
  public var tls: TLSServerConfiguration?
  /// Whether a client whose certificate verifies is as good as a trusted peer. Default false.
  public var trustsCertificates = false
  /// Whether clients may speak HTTP/2: by ALPN with TLS, by prior knowledge without. Default: with TLS only.
  public var http2: Bool?

  /// Whether HTTP/2 is spoken.
  var speaksHTTP2: Bool { http2 ?? (tls != nil) }
  /// Length of the kernel's accept queue. Default 4,096; the kernel may cut it (net.core.somaxconn).
  public var backlog: Int32 = 4_096

  /// A listener that trusts nobody.
  public init(name: String, address: SocketAddress) {
    self.name = name
    self.address = address
  }
}

/// How the tenant of a request is found, and how the upstream is told.
public struct TenantConfiguration: Sendable, Equatable {
  /// The one field in which the upstream gets the resolved id. Inbound copies are removed.
  public var header = "x-weir-tenant"
  /// Tried in order; the first that yields a valid id wins.
  public var rules: [TenantRule] = []
  /// File of registered ids, one a line or a CSV whose first column is the id. They are admitted first.
  public var registerFile: String?

  /// No rules: every request is `~unattributed`.
  public init() {}
}

/// One way to find a tenant.
public struct TenantRule: Sendable, Equatable {
  /// Where the id stands.
  public enum Source: Sendable, Equatable {
    /// In a request field, believed only from trusted peers.
    case header(String)
    /// The label before this suffix of the host, for example `.example.com`.
    case hostLabel(suffix: String)
    /// The path segment behind this prefix, for example `/t/`.
    case pathSegment(prefix: String)
    /// Behind this prefix, which may be empty, in a name of the certificate that the client showed and that verified.
    case certificate(TLSSession.PeerName, prefix: String)
    /// Always this id.
    case fixed(TenantID)
  }
  /// Where the id stands.
  public var source: Source
  /// Names of the listeners the rule is for; empty means all.
  public var listeners: [String] = []
  /// Whether ASCII letters become lower case before the id is used. Default false.
  public var foldsCase = false

  /// A rule for all listeners.
  public init(_ source: Source) { self.source = source }
}

/// Which names in a response's `Server-Timing`, and which fields, are cost hints of this upstream.
public struct HintConfiguration: Sendable, Equatable {
  /// Names of Server-Timing metrics whose `dur` (milliseconds) is CPU time of the request.
  public var cpuMetrics: [String] = []
  /// Response fields or trailers with a decimal number, and which of the four units it counts.
  public var unitFields: [UnitField] = []
  /// Names in the `request_cost` of ORCA reports that are CPU time of the request, by their ends `_us`, `_ms`, `_s` or
  /// `_seconds` in that unit; several are added.
  public var orcaCPU: [String] = []
  /// Further names there, and which of the four units they count.
  public var orcaUnits: [UnitField] = []
  /// Processors of one upstream host: a hint above wall time x this x 1.1 is rejected. Default 64.
  public var cores = 64
  /// Whether the client sees hint fields too. Default false: they tell about capacity.
  public var passesThrough = false

  /// A response field that counts a unit.
  public struct UnitField: Sendable, Equatable {
    /// The field's name.
    public var field: String
    /// Position 0 to 3 in the declared units.
    public var unit: Int

    /// A field that counts the unit at position `unit`.
    public init(field: String, unit: Int) {
      self.field = field
      self.unit = unit
    }
  }

  /// No hints.
  public init() {}

  /// Whether any hint is read.
  public var isEmpty: Bool {
    cpuMetrics.isEmpty && unitFields.isEmpty && !readsORCA
  }

  /// Whether ORCA reports are read.
  var readsORCA: Bool { !orcaCPU.isEmpty || !orcaUnits.isEmpty }

  /// How many microseconds one of such a name is; nil when its end says nothing.
  static func microseconds(ofName name: String) -> Double? {
    let ends: [(String, Double)] = [
      ("_us", 1), ("_ms", 1_000), ("_s", 1_000_000), ("_seconds", 1_000_000),
    ]
    return ends.first { name.hasSuffix($0.0) && name.count > $0.0.count }?.1
  }
}

/// Which requests go to which upstream, under one name for metering.
public struct RouteConfiguration: Sendable, Equatable {
  /// The name that usage is counted under.
  public var name: RouteName
  /// Host without port, `*.example.com` for any one label before, nil for any host.
  public var host: String?
  /// Path prefix, matched at segment borders. Default `/`.
  public var path = "/"
  /// Name of the upstream.
  public var upstream: String
  /// Protocols that `Upgrade` may switch to. Default `websocket`.
  public var upgrades = ["websocket"]
  /// Content bytes of a request at most; nil for no bound. Default nil.
  public var bodyBytesMax: UInt64?
  /// Who is served first when the process is overloaded; a tenant's priority goes before it. Default normal.
  public var priority = RequestPriority.normal
  /// Whether `.` and `..` segments and encoded slashes pass. Default: only when the prefix is `/`.
  public var allowsOddPaths: Bool?
  /// Which failed requests are sent a second time. Default: none but those that no upstream has seen.
  public var retries = RouteRetries()

  /// A route for every host and path.
  public init(name: RouteName, upstream: String) {
    self.name = name
    self.upstream = upstream
  }
}

/// Bounds on what clients may send and how much is held for them.
public struct LimitConfiguration: Sendable, Equatable {
  /// Bytes of a head. Default 16 KiB.
  public var headBytesMax = 16_384
  /// Fields of a head. Default 100.
  public var fieldCountMax = 100
  /// Bytes of a request target. Default 8 KiB.
  public var targetBytesMax = 8_192
  /// Client connections of each worker. Default 16,384.
  public var connectionsMax = 16_384
  /// Client connections of one address, over all workers. Default 0: no bound.
  public var connectionsPerAddressMax = 0
  /// Requests on one client connection before it is closed in good order. Default 10,000.
  public var requestsPerConnectionMax = 10_000
  /// Content bytes a second that a request's body must bring on average, once it was awaited for
  /// `bodyRateGrace`; 0 for no bound. Default 240.
  public var bodyRateMin = 240
  /// Bytes of a PROXY header of version 2 with its extensions. Default 2 KiB.
  public var proxyHeaderBytesMax = 2_048
  /// Bytes of a buffer; a direction of an exchange holds at most two. Default 64 KiB.
  public var bufferBytes = 65_536
  /// Bytes of a response body of known length from which on it goes through a pipe. Default 128 KiB.
  public var spliceBytesMin = 131_072
  /// Pipes of each worker in use at a time, two descriptors each; 0 copies everything. Default 256.
  public var splicePipesMax = 256
  /// TLS handshakes with clients that each worker has in flight; more wait in the kernel's queue. Default 512.
  public var tlsHandshakesMax = 512
  /// Streams that an HTTP/2 client may have open at a time. Default 100.
  public var streamsMax = 100
  /// Bytes of the fields of an HTTP/2 head or trailers, decoded, with 32 for each (RFC 9113 §6.5.2). Default 64 KiB.
  public var headerListBytesMax = 65_536
  /// Answers with a 1xx status that an upstream may send before its response. Default 16.
  public var interimResponsesMax = 16

  /// The defaults.
  public init() {}
}

/// Bounds on how long anything may take, in milliseconds. Checked four times a second.
public struct TimeoutConfiguration: Sendable, Equatable {
  /// From a new connection to the end of its first request head. Default 10 s.
  public var firstHeadMilliseconds = 10_000
  /// From a new connection to the end of its PROXY header. Default 5 s.
  public var proxyHeaderMilliseconds = 5_000
  /// From the first byte of a request head to its last. Default 10 s.
  public var requestHeadMilliseconds = 10_000
  /// An idle client connection. Default 60 s.
  public var keepAliveMilliseconds = 60_000
  /// Without a byte moving in the body of a request or response. Default 30 s.
  public var bodyMilliseconds = 30_000
  /// For how long a body may come slower than `bodyRateMin`. Default 10 s.
  public var bodyRateGraceMilliseconds = 10_000
  /// Without a client taking a byte of what it is sent, of a tunnel or event stream too. Default 30 s.
  public var clientWriteMilliseconds = 30_000
  /// Without a byte moving in a tunnel or event stream. Default 5 min.
  public var streamMilliseconds = 300_000
  /// Without a byte from an HTTP/2 client that has streams open: it is sent a PING then, and its connection ends when as much
  /// time passes again. 0 for never.
  public var pingMilliseconds = 30_000
  /// To connect to an upstream. Default 5 s.
  public var connectMilliseconds = 5_000
  /// From the request's last byte to the response head. Default 60 s.
  public var responseHeadMilliseconds = 60_000
  /// An unused upstream connection. Default 30 s, shorter than what most servers allow.
  public var upstreamIdleMilliseconds = 30_000
  /// From the stop signal, when readiness turns, until listeners stop. Default 0; set it to how long a load balancer
  /// takes to notice.
  public var drainDelayMilliseconds = 0
  /// From the stop signal, or a listener's removal, until a connection without a request is closed: a client that
  /// is about to use it gets an answer that says it is the last. Default 1 s.
  public var drainIdleMilliseconds = 1_000
  /// From the stop signal until open exchanges are cut off. Default 30 s.
  public var drainMilliseconds = 30_000
  /// Until a new key issues TLS session tickets; the two before it still open theirs. Default 12 h.
  public var ticketKeyMilliseconds = 43_200_000
  /// After an answer that closes the connection: how long its unread rest is drained. Default 2 s.
  public var lingerMilliseconds = 2_000

  /// The defaults.
  public init() {}
}
