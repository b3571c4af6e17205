import CAresShims

/// Looks the addresses of names up, with the time for which the answer holds. Blocks: for threads of their own.
public struct NameLookup: Sendable {
  /// What a lookup came to.
  public enum Outcome: Sendable, Equatable {
    /// The name has these addresses, one at least, in the order of the answer.
    case found([[UInt8]], secondsToLive: Int)
    /// No usable answer; the reason in words.
    case failed(String)
  }

  private let servers: String
  private let timeoutMilliseconds: Int32
  private let tries: Int32

  /// Addresses of one name that are used; more are ignored.
  public static let addressesMax = 64
  private static let preparation: Void = weir_resolver_prepare()

  /// Asks these servers; none stands for those of `/etc/resolv.conf`. The first of `tries` rounds lasts
  /// `timeoutMilliseconds`.
  public init(servers: [SocketAddress], timeoutMilliseconds: Int, tries: Int) {
    self.servers = servers.map(\.description).joined(separator: ",")
    self.timeoutMilliseconds = Int32(clamping: timeoutMilliseconds)
    self.tries = Int32(clamping: tries)
    _ = Self.preparation
  }

  /// Looks a name up, in `/etc/hosts` first. Ends early when `stop` is signalled.
  public func addresses(of name: String, stop: Wakeup) -> Outcome {
    var found = [weir_resolved](repeating: weir_resolved(), count: Self.addressesMax)
    // Safe: at most addressesMax entries are written, and the strings live for the call.
    let resolution = unsafe weir_resolve(
      servers, name, timeoutMilliseconds, tries, stop.descriptor, &found,
      Int32(Self.addressesMax))
    guard resolution.code == 0, resolution.count > 0 else {
      let text = resolution.code == 0 ? "the name has no address" : Self.text(resolution.code)
      return .failed(text)
    }
    let addresses = found.prefix(Int(resolution.count)).map { Self.bytes(of: $0) }
    return .found(addresses, secondsToLive: Int(max(0, resolution.ttl)))
  }

  private static func bytes(of resolved: weir_resolved) -> [UInt8] {
    // Safe: the tuple has 16 bytes, and count is 4 or 16.
    unsafe withUnsafeBytes(of: resolved.bytes) { unsafe Array($0.prefix(Int(resolved.count))) }
  }

  private static func text(_ code: Int32) -> String {
    // Safe: c-ares returns constant strings.
    unsafe String(cString: weir_resolve_text(code))
  }
}
