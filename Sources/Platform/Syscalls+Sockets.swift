import CLinux
import Glibc

extension Syscalls {
  /// A listening TCP socket, non-blocking, with SO_REUSEPORT so that each worker has its own queue.
  ///
  /// `isIPv6Only` says whether an IPv6 socket leaves IPv4 clients alone, whatever the machine's default is.
  public func listen(
    on address: SocketAddress, backlog: Int32, isIPv6Only: Bool = false
  ) throws(SystemError) -> Int32 {
    let family = address.isIPv6 ? AF_INET6 : AF_INET
    let fd = try retrying(.socket) { weir_stream_socket(family) }
    do throws(SystemError) {
      try setOption(fd, SOL_SOCKET, SO_REUSEADDR, 1)
      try setOption(fd, SOL_SOCKET, weir_option_reuse_port, 1)
      if address.isIPv6 {
        try setOption(fd, Int32(IPPROTO_IPV6), IPV6_V6ONLY, isIPv6Only ? 1 : 0)
      }
      // Accepted sockets inherit it: one call a listener instead of one a connection.
      try setOption(fd, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
      // Safe: the kernel form lives for the call.
      _ = try retrying(.bind) {
        unsafe address.withKernelForm { unsafe Glibc.bind(fd, $0, $1) }
      }
      _ = try retrying(.listen) { Glibc.listen(fd, backlog) }
      return fd
    } catch {
      close(fd)
      throw error
    }
  }

  /// The address a socket is bound to: tells which port the kernel chose.
  public func localAddress(of fd: Int32) throws(SystemError) -> SocketAddress {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    // Safe: the storage is large enough for every family.
    _ = try retrying(.getsockname) {
      unsafe withUnsafeMutablePointer(to: &storage) {
        unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          unsafe getsockname(fd, $0, &length)
        }
      }
    }
    guard let address = SocketAddress(kernelForm: &storage) else {
      throw SystemError(.getsockname, EAFNOSUPPORT)
    }
    return address
  }

  /// What `accept` found.
  public enum Accepted: Sendable {
    /// A new non-blocking connection from this peer.
    case connection(Int32, SocketAddress)
    /// No connection is waiting.
    case none
    /// The call failed, for example with `EMFILE`; the connection stays in the queue.
    case failed(Int32)
  }

  /// Takes one connection from a listener's queue.
  public func accept(_ listener: Int32) -> Accepted {
    let code = planned(.accept)
    if code != 0 { return .failed(code) }
    while true {
      var storage = sockaddr_storage()
      var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
      // Safe: the storage is large enough for every family.
      let fd = unsafe weir_accept(listener, &storage, &length)
      if fd >= 0 {
        guard let peer = SocketAddress(kernelForm: &storage) else {
          close(fd)
          continue
        }
        return .connection(fd, peer)
      }
      switch errno {
      case EINTR, ECONNABORTED: continue
      case EAGAIN: return .none
      default: return .failed(errno)
      }
    }
  }

  /// Starts a connection; it is up once the descriptor is writable and `socketError` is 0.
  ///
  /// A Unix-domain socket whose queue is full fails at once with `EAGAIN`. `EADDRNOTAVAIL` means that no local port is
  /// free; where the machine has no address at all from which this one could be reached, it is `ENETUNREACH`.
  public func connect(to endpoint: Endpoint) throws(SystemError) -> Int32 {
    let fd = try retrying(.socket) { weir_stream_socket(endpoint.family) }
    do throws(SystemError) {
      if case .internet = endpoint { try setOption(fd, Int32(IPPROTO_TCP), TCP_NODELAY, 1) }
      let code = planned(.connect)
      if code != 0 { throw SystemError(.connect, code) }
      // Safe: the kernel form lives for the call.
      let result = unsafe endpoint.withKernelForm { unsafe Glibc.connect(fd, $0, $1) }
      if result != 0 && errno != EINPROGRESS && errno != EINTR {
        let code = errno
        let isUnreachable = code == EADDRNOTAVAIL && !hasSourceAddress(for: endpoint)
        throw SystemError(.connect, isUnreachable ? ENETUNREACH : code)
      }
      return fd
    } catch {
      close(fd)
      throw error
    }
  }

  /// Whether the machine has an address from which this one can be reached. The kernel answers both that and want of
  /// ports with the same number; a datagram socket, which has ports of its own, tells them apart. Sends nothing.
  func hasSourceAddress(for endpoint: Endpoint) -> Bool {
    guard case .internet = endpoint else { return true }
    let fd = weir_datagram_socket(endpoint.family)
    // Then it is something else that is short.
    guard fd >= 0 else { return errno != EAFNOSUPPORT }
    defer { _ = Glibc.close(fd) }
    // Safe: the kernel form lives for the call.
    return unsafe endpoint.withKernelForm { unsafe Glibc.connect(fd, $0, $1) } == 0
      || errno == EAGAIN
  }

  /// Starts a connection to an Internet address.
  public func connect(to address: SocketAddress) throws(SystemError) -> Int32 {
    try connect(to: .internet(address))
  }

  /// The pending error of a socket: 0 when a started connection is up.
  public func socketError(_ fd: Int32) -> Int32 { weir_socket_error(fd) }

  /// Receives into a buffer's free part, which must not be empty.
  @inline(__always)
  public func receive(_ fd: Int32, into buffer: Buffer) -> IOResult {
    precondition(buffer.free > 0, "receiving into a full buffer would look like the end")
    return unsafe buffer.fill { (room: UnsafeMutableRawBufferPointer) -> (Int, IOResult) in
      // Safe: at most room.count bytes are written to it.
      let result = moving(.recv) { unsafe weir_receive(fd, room.baseAddress, room.count) }
      if case .moved(let count) = result { return (count, result) }
      return (0, result)
    }
  }

  /// Sends all of `first` and then `secondCount` bytes of `second` with one call. Either may be nil, not
  /// both. Nothing is consumed here.
  @inline(__always)
  public func send(_ fd: Int32, _ first: Buffer?, _ second: Buffer?, secondCount: Int) -> IOResult {
    let firstCount = first?.count ?? 0
    precondition(firstCount + secondCount > 0, "sending nothing would look like the end")
    precondition(secondCount <= second?.count ?? 0, "more to send than there is")
    // Safe: each pointer is good for the count that goes with it, and both buffers outlive the call.
    return moving(.send) {
      if secondCount == 0 { return unsafe weir_send(fd, first?.firstByte, firstCount) }
      guard let first, let second, firstCount > 0 else {
        return unsafe weir_send(fd, second?.firstByte, secondCount)
      }
      if let joined = unsafe first.joining(second, count: secondCount) {
        return unsafe weir_send(fd, joined, firstCount + secondCount)
      }
      return unsafe weir_send_two(fd, first.firstByte, firstCount, second.firstByte, secondCount)
    }
  }

  /// Sends this side's end of stream; the other direction stays open.
  public func shutdownWriting(_ fd: Int32) {
    _ = planned(.shutdown)
    _ = Glibc.shutdown(fd, Int32(SHUT_WR))
  }

  /// Makes `close` send a reset instead of an orderly end.
  public func resetOnClose(_ fd: Int32) {
    var value = linger(l_onoff: 1, l_linger: 0)
    // Safe: the struct lives for the call.
    _ = unsafe setsockopt(fd, SOL_SOCKET, SO_LINGER, &value, socklen_t(MemoryLayout<linger>.size))
  }

  private func setOption(_ fd: Int32, _ level: Int32, _ option: Int32, _ value: Int32)
    throws(SystemError)
  {
    _ = try retrying(.setsockopt) { weir_set_option(fd, level, option, value) }
  }

  /// Pins the calling thread to one processor; false when the kernel refuses.
  public func pinThread(toProcessor processor: Int) -> Bool {
    weir_pin_thread(Int32(processor)) == 0
  }
}
