/// How `weir allocator` runs. Every default stands here with its reason; the keys of the file are
/// in `ConfigurationKey.all`.
public struct AllocatorConfiguration: Sendable, Equatable {
  /// Where a server listens.
  public struct Address: Sendable, Equatable, CustomStringConvertible {
    /// Name or address of the interface.
    public var host: String
    /// The port; 0 takes any free one.
    public var port: Int

    /// An address.
    public init(host: String, port: Int) {
      self.host = host
      self.port = port
    }

    /// `host:port`; an IPv6 host stands in brackets.
    public init?(_ text: String) {
      guard let colon = text.lastIndex(of: ":"),
        let port = Int(text[text.index(after: colon)...]), (0...65_535).contains(port)
      else { return nil }
      var host = String(text[..<colon])
      if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
      guard !host.isEmpty else { return nil }
      self.init(host: host, port: port)
    }

    /// `host:port`.
    public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
  }

  /// What is known about proxies.
  public struct Proxies: Sendable, Equatable {
    /// Instances that must report; one that never did is shown as silent. Others are learnt.
    public var expected: [String] = []
    /// Silence after which a proxy is reported, and the longest gap that is no hole: twelve
    /// intervals of 10 s.
    public var silenceSeconds = 120
    /// How far a batch may lie in the future before it is kept aside: what a badly set clock may
    /// differ.
    public var futureSeconds = 600
  }

  /// Who has to agree before something is posted.
  public struct Approvals: Sendable, Equatable {
    /// How many people a close, a restatement or a correction needs. Two by default: nobody moves
    /// money alone.
    public var people = 2
  }

  /// When a period counts as reconciled.
  public struct Reconciliation: Sendable, Equatable {
    /// The largest variance from the provider's bill that is in order (SLI M5), in hundredths of a
    /// percent: 2 %.
    public var varianceBasisPoints = 200
  }

  /// Bounds on what clients may ask for.
  public struct Limits: Sendable, Equatable {
    /// Largest body of a batch: 1,000,000 rows at 64 bytes.
    public var batchBytes = 64 * 1024 * 1024
    /// Largest batch once decompressed.
    public var batchDecodedBytes = 256 * 1024 * 1024
    /// Largest cost file, after decompression. It is streamed, so this bounds disk, not memory.
    public var costBytes = 16 * 1024 * 1024 * 1024
    /// Largest policy or register.
    public var documentBytes = 4 * 1024 * 1024
    /// Batches decoded at once; each may need `batchDecodedBytes` of memory a few times over.
    public var concurrentBatches = 4
    /// Cost files read at once.
    public var concurrentImports = 2
    /// Open connections on the API's port.
    public var connections = 1_024
    /// Silence in the middle of a request, or between requests, after which a connection is closed.
    public var idleSeconds = 60
  }

  /// The API. Loopback by default: there is no TLS on this port yet.
  public var listen = Address(host: "127.0.0.1", port: 8600)
  /// Health and metrics, without tokens.
  public var admin = Address(host: "127.0.0.1", port: 8601)
  /// The database. Its folder also holds the seals.
  public var store = "/var/lib/weir/weir.sqlite"
  /// The least severe message that is logged.
  public var logLevel = "info"
  /// A file that says where to fetch external series; empty for none.
  public var seriesSources = ""
  /// What is known about proxies.
  public var proxies = Proxies()
  /// Who has to agree before something is posted.
  public var approvals = Approvals()
  /// When a period counts as reconciled.
  public var reconciliation = Reconciliation()
  /// Bounds on what clients may ask for.
  public var limits = Limits()

  /// The defaults.
  public init() {}
}
