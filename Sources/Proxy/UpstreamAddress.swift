public import Platform

/// One entry of an upstream's list of addresses, with its share of the requests.
public struct UpstreamAddress: Sendable, Hashable {
  /// What stands in the list.
  public enum Place: Sendable, Hashable, CustomStringConvertible {
    /// A numeric address or a Unix-domain socket: itself.
    case endpoint(Endpoint)
    /// A name with a port: every address that the name resolves to.
    case name(String, port: UInt16)

    /// As it is written in a configuration.
    public var description: String {
      switch self {
      case .endpoint(let endpoint): endpoint.description
      case .name(let name, let port): "\(name):\(port)"
      }
    }
  }
  /// What stands in the list.
  public var place: Place
  /// Share of the requests relative to the others, 1 to 1,000; each address of a name has it. Default 1.
  public var weight: Int

  /// An entry.
  public init(_ place: Place, weight: Int = 1) {
    self.place = place
    self.weight = weight
  }

  /// Parses `127.0.0.1:80`, `[::1]:80`, `unix:/run/app.sock` or `app.internal:80`.
  public init?(_ text: String) {
    if let endpoint = Endpoint(text) {
      self.init(.endpoint(endpoint))
      return
    }
    guard let colon = text.lastIndex(of: ":") else { return nil }
    let digits = text[text.index(after: colon)...]
    guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let port = UInt16(digits),
      port > 0, Self.isName(text[..<colon])
    else { return nil }
    self.init(.name(String(text[..<colon]), port: port))
  }

  /// Whether text is a host name: labels of letters, digits, `-` and `_`, the last not all digits, so that no
  /// misspelt address is taken for one (RFC 1123 §2.1).
  private static func isName(_ text: Substring) -> Bool {
    let labels = text.split(separator: ".", omittingEmptySubsequences: false)
    guard (1...253).contains(text.utf8.count), let last = labels.last else { return false }
    let isGood = labels.allSatisfy { label in
      (1...63).contains(label.utf8.count) && !label.hasPrefix("-") && !label.hasSuffix("-")
        && label.utf8.allSatisfy { byte in
          (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte)
            || (0x61...0x7A).contains(byte) || byte == 0x2D || byte == 0x5F
        }
    }
    return isGood && !last.utf8.allSatisfy { (0x30...0x39).contains($0) }
  }
}
