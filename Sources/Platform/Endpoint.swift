import CLinux
import Glibc

/// Where a stream connection goes: an Internet address, or a socket in the file system of this machine.
public enum Endpoint: Sendable, Hashable, CustomStringConvertible {
  /// An IPv4 or IPv6 address with a port.
  case internet(SocketAddress)
  /// A Unix-domain socket.
  case unix(UnixPath)

  /// Parses `127.0.0.1:80`, `[::1]:80` or `unix:/run/app.sock`. Names are not resolved here.
  public init?(_ text: String) {
    if text.hasPrefix("unix:") {
      guard let path = UnixPath(String(text.dropFirst(5))) else { return nil }
      self = .unix(path)
    } else {
      guard let address = SocketAddress(text) else { return nil }
      self = .internet(address)
    }
  }

  /// As it is written in a configuration.
  public var description: String {
    switch self {
    case .internet(let address): address.description
    case .unix(let path): "unix:\(path.text)"
    }
  }

  /// The address family, for `socket`.
  var family: Int32 {
    switch self {
    case .internet(let address): address.isIPv6 ? AF_INET6 : AF_INET
    case .unix: AF_UNIX
    }
  }

  /// Lends the kernel's form to `body`.
  func withKernelForm<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
    switch self {
    case .internet(let address): unsafe address.withKernelForm(body)
    case .unix(let path): unsafe path.withKernelForm(body)
    }
  }
}

/// The absolute path of a Unix-domain socket: 2 to 107 bytes without NUL, as `sockaddr_un` holds it.
public struct UnixPath: Sendable, Hashable {
  /// The path.
  public let text: String

  /// The most bytes a path may have: `sun_path` is 108 with its zero.
  public static let bytesMax = 107

  /// Nil for a path that is relative, too long, or has a NUL byte.
  public init?(_ text: String) {
    guard text.hasPrefix("/"), (2...Self.bytesMax).contains(text.utf8.count),
      !text.utf8.contains(0)
    else { return nil }
    self.text = text
  }

  /// Lends the kernel's form to `body`.
  func withKernelForm<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
    var form = sockaddr_un()
    form.sun_family = sa_family_t(AF_UNIX)
    // Safe: at most 107 bytes go into 108 zeroed ones, so the path ends with a zero.
    unsafe withUnsafeMutableBytes(of: &form.sun_path) { unsafe $0.copyBytes(from: text.utf8) }
    // Safe: the rebound pointer lives for the call.
    return unsafe withUnsafePointer(to: &form) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
  }
}
