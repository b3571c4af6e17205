/// Where batches go, and how hard the proxy tries.
public struct ShippingConfiguration: Sendable, Equatable {
  /// The allocator, for example `https://allocator:8443`; `/v1/batches` is appended.
  public var allocatorURL: String
  /// File that holds the bearer token; read for every delivery, so that it can be replaced at any time.
  public var tokenFile: String
  /// Folder of batches that the allocator has not acknowledged, and of those kept after.
  public var spoolDirectory: String
  /// PEM file of trusted roots instead of the system's.
  public var caFile: String?
  /// Connect to this Unix-domain socket instead of the URL's host.
  public var unixSocketPath: String?
  /// Bytes of undelivered batches at which the oldest never offered are merged. Default 1 GiB.
  public var spoolBytesMax: Int = 1 << 30
  /// How long acknowledged batches are kept, so that an allocator restored from a backup gets what it
  /// lacks. Default 7 days.
  public var acknowledgedRetentionSeconds: Int = 7 * 86_400
  /// Bytes of acknowledged batches above which the oldest go before their time. Default 4 GiB.
  public var acknowledgedBytesMax: Int = 4 << 30
  /// To connect, TLS included. Default 5 s.
  public var connectTimeoutMilliseconds: Int = 5_000
  /// For one delivery. Default 30 s.
  public var deliveryTimeoutMilliseconds: Int = 30_000
  /// The first pause after a failure is at most this; each further one at most twice the one before.
  /// Default 200 ms.
  public var retryBaseMilliseconds: Int = 200
  /// The longest pause between two tries. Default 30 s.
  public var retryMaxMilliseconds: Int = 30_000
  /// How long the proxy goes on delivering after it was told to stop. Default 5 s.
  public var drainTimeoutMilliseconds: Int = 5_000

  /// A configuration with the defaults above.
  public init(allocatorURL: String, tokenFile: String, spoolDirectory: String) {
    self.allocatorURL = allocatorURL
    self.tokenFile = tokenFile
    self.spoolDirectory = spoolDirectory
  }

  /// Throws with all faults, each beginning with the name of its setting.
  public func validate() throws(ShippingError) {
    var faults: [String] = []
    if !allocatorURL.hasPrefix("http://") && !allocatorURL.hasPrefix("https://") {
      faults.append("allocatorURL: not an http or https URL")
    }
    if tokenFile.isEmpty { faults.append("tokenFile: empty") }
    if spoolDirectory.isEmpty { faults.append("spoolDirectory: empty") }
    let positive = [
      ("spoolBytesMax", spoolBytesMax), ("acknowledgedBytesMax", acknowledgedBytesMax),
      ("connectTimeoutMilliseconds", connectTimeoutMilliseconds),
      ("deliveryTimeoutMilliseconds", deliveryTimeoutMilliseconds),
      ("retryBaseMilliseconds", retryBaseMilliseconds),
    ]
    for (name, value) in positive where value <= 0 { faults.append("\(name): not above 0") }
    if retryMaxMilliseconds < retryBaseMilliseconds {
      faults.append("retryMaxMilliseconds: below retryBaseMilliseconds")
    }
    if acknowledgedRetentionSeconds < 0 { faults.append("acknowledgedRetentionSeconds: negative") }
    if drainTimeoutMilliseconds < 0 { faults.append("drainTimeoutMilliseconds: negative") }
    if !faults.isEmpty { throw .invalidConfiguration(faults) }
  }
}
