import CLinux
import Glibc

/// An IPv4 or IPv6 address with a port.
public struct SocketAddress: Sendable, Hashable, CustomStringConvertible {
  /// The address's bytes in network order: 4 or 16.
  public let bytes: [UInt8]
  /// The port, 0 for "any free one" when listening.
  public let port: UInt16

  /// Whether this is an IPv6 address.
  public var isIPv6: Bool { bytes.count == 16 }

  /// An address of 4 or 16 bytes.
  public init?(bytes: [UInt8], port: UInt16) {
    guard bytes.count == 4 || bytes.count == 16 else { return nil }
    self.bytes = bytes
    self.port = port
  }

  /// Parses `127.0.0.1:80` or `[::1]:80`. Names are not resolved here.
  public init?(_ text: String) {
    guard let colon = text.lastIndex(of: ":"),
      let port = UInt16(digits: text[text.index(after: colon)...])
    else { return nil }
    var host = text[..<colon]
    let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
    if isBracketed { host = host.dropFirst().dropLast() }
    // Without brackets, an IPv6 address could not be told from its port.
    guard let bytes = Self.parse(host: String(host)), isBracketed == (bytes.count == 16) else {
      return nil
    }
    self.bytes = bytes
    self.port = port
  }

  /// The bytes of a numeric IPv4 or IPv6 address.
  public static func parse(host: String) -> [UInt8]? {
    var storage = [UInt8](repeating: 0, count: 16)
    let family = host.contains(":") ? AF_INET6 : AF_INET
    // Safe: inet_pton writes 4 or 16 bytes, the array holds 16.
    let result = unsafe storage.withUnsafeMutableBytes {
      unsafe inet_pton(family, host, $0.baseAddress)
    }
    guard result == 1 else { return nil }
    return family == AF_INET ? Array(storage.prefix(4)) : storage
  }

  /// The address without its port, as text.
  public var host: String {
    var text = [CChar](repeating: 0, count: 64)
    // Safe: inet_ntop writes at most 64 bytes, zero-terminated.
    _ = unsafe bytes.withUnsafeBytes {
      unsafe inet_ntop(isIPv6 ? AF_INET6 : AF_INET, $0.baseAddress, &text, 64)
    }
    return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// `127.0.0.1:80` or `[::1]:80`.
  public var description: String { isIPv6 ? "[\(host)]:\(port)" : "\(host):\(port)" }

  /// Lends the kernel's form to `body`.
  func withKernelForm<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
    if isIPv6 {
      var form = sockaddr_in6()
      form.sin6_family = sa_family_t(AF_INET6)
      form.sin6_port = port.bigEndian
      // Safe: both are 16 bytes; the rebound pointer lives for the call.
      unsafe withUnsafeMutableBytes(of: &form.sin6_addr) { unsafe $0.copyBytes(from: bytes) }
      return unsafe withUnsafePointer(to: &form) {
        unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          unsafe body($0, socklen_t(MemoryLayout<sockaddr_in6>.size))
        }
      }
    }
    var form = sockaddr_in()
    form.sin_family = sa_family_t(AF_INET)
    form.sin_port = port.bigEndian
    // Safe: both are 4 bytes; the rebound pointer lives for the call.
    unsafe withUnsafeMutableBytes(of: &form.sin_addr) { unsafe $0.copyBytes(from: bytes) }
    return unsafe withUnsafePointer(to: &form) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
  }

  /// From the kernel's form; nil for other families.
  init?(kernelForm storage: inout sockaddr_storage) {
    // Safe: the family says which form the storage holds.
    let parsed: (bytes: [UInt8], port: UInt16)? = unsafe withUnsafeBytes(of: &storage) { raw in
      let family = unsafe raw.load(as: sa_family_t.self)
      if Int32(family) == AF_INET {
        return (
          unsafe Array(raw[4..<8]),
          unsafe UInt16(bigEndian: raw.load(fromByteOffset: 2, as: UInt16.self))
        )
      }
      if Int32(family) == AF_INET6 {
        return (
          unsafe Array(raw[8..<24]),
          unsafe UInt16(bigEndian: raw.load(fromByteOffset: 2, as: UInt16.self))
        )
      }
      return nil
    }
    guard let parsed else { return nil }
    self.init(bytes: parsed.bytes, port: parsed.port)
  }
}

/// A range of addresses such as `10.0.0.0/8`, for deciding whom to trust.
public struct AddressRange: Sendable, Hashable {
  private let bytes: [UInt8]
  private let prefixLength: Int

  /// Parses `10.0.0.0/8`, `::1/128`, or a single address.
  ///
  /// A range in IPv4-mapped notation is the IPv4 range: `::ffff:10.0.0.0/104` is `10.0.0.0/8`. Nil for a shorter prefix
  /// of such an address, which would hold more than IPv4.
  public init?(_ text: String) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count <= 2, let bytes = SocketAddress.parse(host: String(parts[0])) else {
      return nil
    }
    let bits = bytes.count * 8
    let length = parts.count == 2 ? UInt16(digits: parts[1]).map(Int.init) ?? -1 : bits
    guard (0...bits).contains(length) else { return nil }
    guard bytes.count == 16 && Self.isMapped(bytes[...]) else {
      self.bytes = bytes
      prefixLength = length
      return
    }
    // Addresses are IPv4 wherever they can be, so the range has to be as well.
    guard length >= 96 else { return nil }
    self.bytes = Array(bytes.suffix(4))
    prefixLength = length - 96
  }

  /// Whether an address lies in the range. IPv4-mapped IPv6 addresses match IPv4 ranges.
  public func contains(_ address: [UInt8]) -> Bool {
    var address = address[...]
    if address.count == 16 && bytes.count == 4 && Self.isMapped(address) {
      address = address.suffix(4)
    }
    guard address.count == bytes.count else { return false }
    var bits = prefixLength
    for (mine, theirs) in zip(bytes, address) {
      if bits <= 0 { return true }
      let mask: UInt8 = bits >= 8 ? 0xFF : ~(0xFF >> UInt8(bits))
      if (mine ^ theirs) & mask != 0 { return false }
      bits -= 8
    }
    return true
  }

  private static func isMapped(_ address: ArraySlice<UInt8>) -> Bool {
    address.prefix(10).allSatisfy { $0 == 0 } && address.dropFirst(10).prefix(2) == [0xFF, 0xFF]
  }
}

extension UInt16 {
  /// A number of decimal digits and nothing else: the standard library would also take a sign.
  fileprivate init?(digits: Substring) {
    guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
    self.init(digits)
  }
}
