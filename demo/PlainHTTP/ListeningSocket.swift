import Glibc

/// A listening TCP socket on the loopback interface.
///
/// Several threads may wait in `accept` at once; the kernel wakes one of them for each connection. `stop` wakes all.
public final class ListeningSocket: Sendable {
  /// The port in use, also when 0 was asked for.
  public let port: UInt16
  private let socket: Socket

  /// Listens on `address`; port 0 lets the kernel choose.
  public init(
    address: String = "127.0.0.1", port: UInt16 = 0, backlog: Int32 = 512
  ) throws(SocketError) {
    let form = try SocketAddress(address: address, port: port)
    let descriptor = Glibc.socket(form.family, streamType, 0)
    guard descriptor >= 0 else { throw SocketError.current("socket") }
    socket = Socket(adopting: descriptor)
    socket.setOption(SOL_SOCKET, SO_REUSEADDR, 1)
    var local = form.raw
    var size = form.size
    // Safe: `local` has room for every family, and `size` says how much of it counts.
    let bound = unsafe withUnsafeMutablePointer(to: &local) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe bind(descriptor, $0, size) == 0
          && listen(descriptor, backlog) == 0
          && getsockname(descriptor, $0, &size) == 0
      }
    }
    guard bound else { throw SocketError.current("bind") }
    // Safe: both families have the port in bytes 2 and 3.
    self.port = unsafe withUnsafeBytes(of: &local) {
      unsafe UInt16(bigEndian: $0.load(fromByteOffset: 2, as: UInt16.self))
    }
  }

  /// Waits for one connection; nil after `stop`.
  public func accept() -> Socket? {
    while true {
      let descriptor = Glibc.accept(socket.descriptor, nil, nil)
      if descriptor >= 0 {
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        return Socket(adopting: descriptor)
      }
      guard errno == EINTR || errno == ECONNABORTED else { return nil }
    }
  }

  /// Refuses new connections and wakes every thread in `accept`.
  public func stop() { socket.shutdown() }
}
