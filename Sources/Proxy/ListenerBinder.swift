import Platform

/// Opens listening sockets for all workers, and closes them again when one cannot be had.
///
/// Sockets of a former process are used first, each by one worker, so that no queue of connections is left without
/// somebody who accepts; a worker without one opens its own on the same address.
struct ListenerBinder {
  /// The sockets of each worker.
  private(set) var sockets: [[Listener]]
  /// Sockets of the former process that no listener has asked for.
  private(set) var inherited: [InheritedSocket]
  private let syscalls: Syscalls

  /// Nothing is open yet but what is inherited.
  init(workers: Int, inherited: [InheritedSocket] = [], syscalls: Syscalls) {
    sockets = [[Listener]](repeating: [], count: workers)
    self.inherited = inherited
    self.syscalls = syscalls
  }

  /// Gives each worker a socket, at least one, on a listener's address, which it returns with its port settled.
  ///
  /// `index` is the listener's position in the tables. On failure every socket of this binder is closed.
  mutating func bind(
    _ listener: ListenerConfiguration, index: Int, tls: TLSServerContext?
  ) throws(ProxyError) -> SocketAddress {
    let taken = inherited.filter { $0.serves(listener) }
    inherited.removeAll { $0.serves(listener) }
    // One name with a port of the kernel's choice means one port, also when there were two such listeners.
    var address = taken.first?.address ?? listener.address
    for (position, socket) in taken.enumerated() {
      sockets[position % sockets.count].append(
        Listener(descriptor: socket.descriptor, index: index, listener, tls: tls))
    }
    for worker in sockets.indices where worker >= taken.count {
      do throws(SystemError) {
        let descriptor = try syscalls.listen(
          on: address, backlog: listener.backlog, isIPv6Only: listener.isIPv6Only)
        sockets[worker].append(
          Listener(descriptor: descriptor, index: index, listener, tls: tls))
        // The first socket settles the port that the others share.
        if worker == 0 { address = try syscalls.localAddress(of: descriptor) }
      } catch {
        closeAll()
        throw .listen(name: listener.name, address: address, error)
      }
    }
    return address
  }

  /// Closes what was opened or taken over, and what is left of the inheritance.
  mutating func closeAll() {
    for socket in sockets.joined() { syscalls.close(socket.descriptor) }
    sockets = sockets.map { _ in [] }
    closeInherited()
  }

  /// Closes this process's copies of sockets that nobody asked for; the former process still has its own.
  mutating func closeInherited() {
    for socket in inherited { syscalls.close(socket.descriptor) }
    inherited = []
  }
}
