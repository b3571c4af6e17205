import Glibc

/// What can go wrong at a blocking socket.
public enum SocketError: Error, Equatable, CustomStringConvertible {
  /// A system call failed; `code` is its `errno`.
  case failed(call: String, code: Int32)
  /// The call did not finish within the socket's timeout.
  case timedOut(call: String)
  /// The peer closed in the middle of what was being read.
  case endedEarly(expected: String)
  /// The peer sent something that is not HTTP/1.1.
  case malformed(String)

  /// One line for a log.
  public var description: String {
    switch self {
    case .failed(let call, let code):
      // Safe: strerror of any code returns a valid C string, copied at once.
      let reason = unsafe String(cString: strerror(code))
      return "\(call) failed: \(reason)"
    case .timedOut(let call): return "\(call) timed out"
    case .endedEarly(let expected): return "connection ended before \(expected)"
    case .malformed(let what): return "malformed message: \(what)"
    }
  }

  /// The error of the system call that has just failed on this thread.
  static func current(_ call: String) -> SocketError {
    errno == EAGAIN || errno == EWOULDBLOCK
      ? .timedOut(call: call) : .failed(call: call, code: errno)
  }
}
