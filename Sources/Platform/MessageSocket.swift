import CLinux
import Glibc

/// A Unix-domain socket that keeps the borders of messages (SOCK_SEQPACKET) and carries descriptors.
///
/// For talks between processes of the same user: blocking, with a bound on each wait. One thread at a time.
public final class MessageSocket: Sendable {
  /// The socket.
  public let descriptor: Int32
  private let syscalls: Syscalls

  /// Bytes of a message at most.
  public static let messageBytesMax = 4_096

  private init(descriptor: Int32, syscalls: Syscalls) {
    self.descriptor = descriptor
    self.syscalls = syscalls
  }

  deinit { syscalls.close(descriptor) }

  /// Listens at a path with mode 0600, taking the place of whatever socket was there in one step.
  ///
  /// Prepared under a name of its own and then renamed: nobody can connect before the mode is set, and
  /// there is no moment without a socket at the path. Not blocking: wait for readability.
  public static func listen(at path: String, syscalls: Syscalls) throws(SystemError)
    -> MessageSocket
  {
    let socket = try make(syscalls)
    let temporary = "\(path).\(getpid())"
    try? syscalls.unlink(temporary)
    // Safe, all: the strings live for the calls.
    _ = try syscalls.retrying(.bind) {
      unsafe weir_unix_bind(socket.descriptor, temporary)
    }
    do throws(SystemError) {
      _ = try syscalls.retrying(.open) { unsafe chmod(temporary, 0o600) }
      _ = try syscalls.retrying(.listen) { Glibc.listen(socket.descriptor, 8) }
      try syscalls.rename(temporary, to: path)
      return socket
    } catch {
      try? syscalls.unlink(temporary)
      throw error
    }
  }

  /// Connects to a path; each later wait is at most `timeoutMilliseconds`.
  public static func connect(
    to path: String, timeoutMilliseconds: Int, syscalls: Syscalls
  ) throws(SystemError) -> MessageSocket {
    let socket = try make(syscalls)
    // Safe: the string lives for the call.
    _ = try syscalls.retrying(.connect) {
      unsafe weir_unix_connect(socket.descriptor, path)
    }
    socket.setTimeout(milliseconds: timeoutMilliseconds)
    return socket
  }

  private static func make(_ syscalls: Syscalls) throws(SystemError) -> MessageSocket {
    let fd = try syscalls.retrying(.socket) { weir_unix_socket() }
    return MessageSocket(descriptor: fd, syscalls: syscalls)
  }

  /// Takes a connection; each later wait on it is at most `timeoutMilliseconds`.
  public func accept(timeoutMilliseconds: Int) throws(SystemError) -> MessageSocket {
    let fd = try syscalls.retrying(.accept) { weir_unix_accept(descriptor) }
    let socket = MessageSocket(descriptor: fd, syscalls: syscalls)
    socket.setTimeout(milliseconds: timeoutMilliseconds)
    return socket
  }

  private func setTimeout(milliseconds: Int) {
    weir_set_timeouts(descriptor, Int32(clamping: milliseconds))
  }

  /// Whether the process at the other end belongs to this process's user, or to root.
  public var isPeerTrusted: Bool {
    let user = weir_peer_user(descriptor)
    return user == 0 || user == Int64(geteuid())
  }

  /// Sends one message, with a descriptor if there is one; the receiver gets a copy of it.
  public func send(_ text: String, descriptor passed: Int32? = nil) throws(SystemError) {
    let bytes = Array(text.utf8)
    // Safe: the pointer is good for the count and does not leave the call.
    _ = try syscalls.retrying(.send) {
      unsafe bytes.withUnsafeBytes {
        unsafe weir_send_message(descriptor, $0.baseAddress, $0.count, passed ?? -1)
      }
    }
  }

  /// Receives one message and the descriptor that came with it, which then is the caller's to close; nil when the other
  /// end is closed. Fails with `EAGAIN` when nothing came in time.
  public func receive() throws(SystemError) -> (text: String, descriptor: Int32?)? {
    var bytes = [UInt8](repeating: 0, count: Self.messageBytesMax)
    var passed: Int32 = -1
    // Safe: at most `count` bytes are written, any bit pattern is a byte.
    let count = try syscalls.retrying(.recv) {
      unsafe bytes.withUnsafeMutableBytes {
        unsafe weir_receive_message(descriptor, $0.baseAddress, $0.count, &passed)
      }
    }
    if count == 0 { return nil }
    return (String(decoding: bytes.prefix(count), as: UTF8.self), passed >= 0 ? passed : nil)
  }
}

extension Syscalls {
  /// Sends one datagram to a Unix-domain socket; a path that begins with `@` names an abstract one.
  public func sendDatagram(_ text: String, to path: String) throws(SystemError) {
    let bytes = Array(text.utf8)
    // Safe: both pointers are good for their lengths and do not leave the call.
    _ = try retrying(.send) {
      unsafe bytes.withUnsafeBytes {
        unsafe weir_send_datagram(path, $0.baseAddress, $0.count)
      }
    }
  }

}
