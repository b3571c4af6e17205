public import Platform
import Synchronization

/// A listening socket that another process of ours had, with what it was for.
public struct InheritedSocket: Sendable, Equatable {
  /// The listener's name there.
  public let name: String
  /// The address in that process's configuration; its port may be 0.
  public let configured: SocketAddress
  /// The address that it is bound to.
  public let address: SocketAddress
  /// The socket. Whoever uses it closes it.
  public let descriptor: Int32

  /// A socket and what is known of it.
  public init(name: String, configured: SocketAddress, address: SocketAddress, descriptor: Int32) {
    self.name = name
    self.configured = configured
    self.address = address
    self.descriptor = descriptor
  }

  /// Whether a listener of this configuration may go on with the socket: the same address, whatever its name,
  /// or the same name with the same choice of port left to the kernel.
  func serves(_ listener: ListenerConfiguration) -> Bool {
    if address == listener.address { return true }
    return name == listener.name && configured == listener.address
  }
}

extension ProxyServer {
  /// The sockets of all listeners in use, for a process that takes over. They stay this process's too.
  public var sharedSockets: [InheritedSocket] {
    current.withLock { current in
      current.sockets.joined().map { socket in
        let listener = current.tables.configuration.listeners[socket.index]
        return InheritedSocket(
          name: listener.name, configured: listener.address,
          address: current.addresses[socket.index], descriptor: socket.descriptor)
      }
    }
  }
}
