import Glibc
import Synchronization

/// One connected TCP socket with blocking calls and its own byte counters.
///
/// The counters stand at the lowest place there is, the return values of `recv` and `send`, so a ledger made from
/// them owes nothing to any parser. One thread reads and writes; any thread may call `shutdown`.
public final class Socket: Sendable {
  /// The file descriptor; valid until `close`.
  public let descriptor: Int32
  private let isClosed = Atomic<Bool>(false)
  private let sent = Atomic<UInt64>(0)
  private let received = Atomic<UInt64>(0)

  /// Takes ownership of a connected descriptor.
  public init(adopting descriptor: Int32) {
    self.descriptor = descriptor
    setOption(tcpLevel, TCP_NODELAY, 1)
  }

  deinit { close() }

  /// Connects to an IPv4 or IPv6 address and port; `timeoutMilliseconds` then also bounds every later call.
  public static func connect(
    to address: String = "127.0.0.1", port: UInt16, timeoutMilliseconds: Int = 10_000
  ) throws(SocketError) -> Socket {
    let form = try SocketAddress(address: address, port: port)
    let descriptor = Glibc.socket(form.family, streamType, 0)
    guard descriptor >= 0 else { throw SocketError.current("socket") }
    let socket = Socket(adopting: descriptor)
    socket.setTimeout(milliseconds: timeoutMilliseconds)
    var target = form.raw
    let size = form.size
    // Safe: `target` holds an address of `size` bytes for the length of the call.
    let status = unsafe withUnsafePointer(to: &target) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe Glibc.connect(descriptor, $0, size)
      }
    }
    guard status == 0 else {
      throw errno == EINPROGRESS ? .timedOut(call: "connect") : SocketError.current("connect")
    }
    return socket
  }

  /// Bytes that the kernel has accepted from this socket's sender.
  public var bytesSent: UInt64 { sent.load(ordering: .relaxed) }

  /// Bytes that the kernel has handed to this socket's reader.
  public var bytesReceived: UInt64 { received.load(ordering: .relaxed) }

  /// Bounds every blocking call on this socket; 0 means no bound.
  public func setTimeout(milliseconds: Int) {
    var limit = timeval(
      tv_sec: milliseconds / 1000, tv_usec: suseconds_t(milliseconds % 1000 * 1000))
    let size = socklen_t(MemoryLayout<timeval>.size)
    // Safe: the kernel reads `size` bytes of a timeval that lives across both calls.
    unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
    unsafe setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, size)
  }

  /// Sets an integer socket option, for tests that need small buffers or an abrupt reset.
  public func setOption(_ level: Int32, _ option: Int32, _ value: Int32) {
    var copy = value
    // Safe: the kernel reads four bytes of a local that outlives the call.
    unsafe setsockopt(descriptor, level, option, &copy, socklen_t(MemoryLayout<Int32>.size))
  }

  /// Waits for bytes, at most `count`; an empty answer means that the peer has closed its side.
  public func receive(atMost count: Int) throws(SocketError) -> [UInt8] {
    precondition(count > 0, "a read needs room")
    var result = 0
    // Safe: recv writes at most `count` bytes into `count` reserved bytes; only what it wrote is kept.
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      repeat {
        result = unsafe recv(descriptor, buffer.baseAddress, count, 0)
      } while result < 0 && errno == EINTR
      initialized = max(0, result)
    }
    guard result >= 0 else { throw SocketError.current("recv") }
    received.wrappingAdd(UInt64(result), ordering: .relaxed)
    return bytes
  }

  /// Sends all bytes, or throws; what was accepted before a failure is in `bytesSent`.
  public func send(_ bytes: [UInt8]) throws(SocketError) {
    try send(bytes[...])
  }

  /// Sends all bytes of a slice, or throws.
  public func send(_ bytes: ArraySlice<UInt8>) throws(SocketError) {
    var rest = bytes
    while !rest.isEmpty {
      // Safe: the buffer is the slice's own storage and its count bounds the read.
      let accepted = unsafe rest.withUnsafeBytes { buffer in
        unsafe Glibc.send(descriptor, buffer.baseAddress, buffer.count, Int32(MSG_NOSIGNAL))
      }
      if accepted < 0 && errno == EINTR { continue }
      guard accepted >= 0 else { throw SocketError.current("send") }
      sent.wrappingAdd(UInt64(accepted), ordering: .relaxed)
      rest = rest.dropFirst(accepted)
    }
  }

  /// True when bytes, an end or an error can be read within the given time.
  public func isReadable(withinMilliseconds limit: Int32) -> Bool {
    var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    // Safe: one pollfd, and the count says one.
    return unsafe poll(&request, 1, limit) > 0
  }

  /// Says that no more bytes will be sent; the other direction stays open.
  public func shutdownSending() { Glibc.shutdown(descriptor, Int32(SHUT_WR)) }

  /// Ends both directions; a thread blocked in a call on this socket returns.
  public func shutdown() { Glibc.shutdown(descriptor, Int32(SHUT_RDWR)) }

  /// Makes the following `close` send a reset instead of an orderly end.
  public func resetOnClose() {
    var option = linger(l_onoff: 1, l_linger: 0)
    // Safe: the kernel reads one linger struct that outlives the call.
    unsafe setsockopt(
      descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
  }

  /// Closes the descriptor; later calls do nothing.
  public func close() {
    if !isClosed.exchange(true, ordering: .acquiringAndReleasing) { Glibc.close(descriptor) }
  }
}

/// `IPPROTO_TCP` as the integer that `setsockopt` wants.
let tcpLevel = Int32(IPPROTO_TCP)

/// `SOCK_STREAM | SOCK_CLOEXEC` as the integer that `socket` wants.
let streamType = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)

/// An IPv4 or IPv6 address and port in the kernel's layout.
struct SocketAddress {
  /// The kernel's struct, network byte order.
  let raw: sockaddr_storage
  /// Bytes of `raw` that count.
  let size: socklen_t
  /// `AF_INET` or `AF_INET6`.
  let family: Int32

  /// Throws when `address` is not a numeric address.
  init(address: String, port: UInt16) throws(SocketError) {
    var storage = sockaddr_storage()
    if address.contains(":") {
      var form = sockaddr_in6()
      form.sin6_family = sa_family_t(AF_INET6)
      form.sin6_port = port.bigEndian
      // Safe: inet_pton reads a C string and writes sixteen bytes into an in6_addr.
      guard unsafe inet_pton(AF_INET6, address, &form.sin6_addr) == 1 else {
        throw SocketError.malformed("not an IPv6 address: \(address)")
      }
      // Safe: a sockaddr_storage has room for every family.
      unsafe withUnsafeMutableBytes(of: &storage) {
        unsafe $0.storeBytes(of: form, as: sockaddr_in6.self)
      }
      family = AF_INET6
      size = socklen_t(MemoryLayout<sockaddr_in6>.size)
    } else {
      var form = sockaddr_in()
      form.sin_family = sa_family_t(AF_INET)
      form.sin_port = port.bigEndian
      // Safe: inet_pton reads a C string and writes four bytes into an in_addr.
      guard unsafe inet_pton(AF_INET, address, &form.sin_addr) == 1 else {
        throw SocketError.malformed("not an IPv4 address: \(address)")
      }
      // Safe: a sockaddr_storage has room for every family.
      unsafe withUnsafeMutableBytes(of: &storage) {
        unsafe $0.storeBytes(of: form, as: sockaddr_in.self)
      }
      family = AF_INET
      size = socklen_t(MemoryLayout<sockaddr_in>.size)
    }
    raw = storage
  }
}
