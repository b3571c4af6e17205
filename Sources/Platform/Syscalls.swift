import Glibc

/// The door to the kernel. Copyable and Sendable: pass it by `init`, most general argument first.
///
/// File calls throw `SystemError`; calls on non-blocking sockets return values, because the data plane does
/// not throw. `EINTR` is retried here and nowhere else.
public struct Syscalls: Sendable {
  /// The plan of failures of a test, nil in the product.
  let faults: SyscallFaults?

  /// The real kernel; with `faults`, as a test wants it to fail.
  public init(faults: SyscallFaults? = nil) {
    self.faults = faults
  }

  /// The error number with which this call must fail by plan, or 0.
  @inline(__always)
  func planned(_ call: Syscall) -> Int32 {
    guard let faults else { return 0 }
    return faults.outcome(of: call)
  }

  /// Runs `body` until it is not interrupted; a negative result becomes an error.
  @inline(__always)
  func retrying<Result: FixedWidthInteger & SignedInteger>(
    _ call: Syscall, _ body: () -> Result
  ) throws(SystemError) -> Result {
    let code = planned(call)
    if code != 0 { throw SystemError(call, code) }
    while true {
      let result = body()
      if result >= 0 { return result }
      if errno != EINTR { throw SystemError(call, errno) }
    }
  }

  /// Runs `body` until it is not interrupted; the result says how many bytes moved.
  @inline(__always)
  func moving(_ call: Syscall, _ body: () -> Int) -> IOResult {
    let code = planned(call)
    if code != 0 { return code == EAGAIN ? .wouldBlock : .failed(code) }
    while true {
      let count = body()
      if count > 0 { return .moved(count) }
      if count == 0 { return .end }
      let code = errno
      if code == EINTR { continue }
      return code == EAGAIN || code == EWOULDBLOCK ? .wouldBlock : .failed(code)
    }
  }

  /// Lets the calling thread sleep; for threads that wait for others, never for a worker.
  public func pause(milliseconds: Int) {
    _ = poll(nil, 0, Int32(clamping: milliseconds))
  }
}
