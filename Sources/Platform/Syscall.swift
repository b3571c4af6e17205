import Synchronization

/// The system calls that Weir makes, by name.
public enum Syscall: String, CaseIterable, Sendable {
  case open, close, read, write, pwrite, fsync, ftruncate, fallocate, mmap, munmap, msync, rename
  case unlink, mkdir, rmdir, flock, stat, readdir, getrandom
  case socket, bind, listen, accept, connect, recv, send, shutdown, setsockopt, getsockname
  case epollCreate, epollControl, epollWait, eventfd, thread, pipe, splice
}

/// A plan of failures for tests: records every call and makes chosen ones fail.
///
/// Thread-safe; only tests create one, so its lock costs the product nothing.
public final class SyscallFaults: Sendable {
  private struct State {
    var calls: [Syscall] = []
    var failing: [Int: Int32] = [:]
    var failingFrom: (call: Syscall, code: Int32)?
    var counted: Set<Syscall>?
  }
  private let state = Mutex(State())
  private let observer: (@Sendable (Syscall) -> Void)?

  /// Records only.
  public init() { observer = nil }

  /// Records, and tells of each call just before it is made, on the thread that makes it.
  public init(observing observer: @escaping @Sendable (Syscall) -> Void) {
    self.observer = observer
  }

  /// Fails the `position`-th call (from 0) of `kinds` (all when nil) with `code`.
  public init(failing position: Int, of kinds: Set<Syscall>? = nil, with code: Int32) {
    observer = nil
    state.withLock {
      $0.failing[position] = code
      $0.counted = kinds
    }
  }

  /// Fails every `call` from now on with `code`, until `recover()`.
  public func failAll(_ call: Syscall, with code: Int32) {
    state.withLock { $0.failingFrom = (call, code) }
  }

  /// Lets everything pass again.
  public func recover() {
    state.withLock {
      $0.failingFrom = nil
      $0.failing = [:]
    }
  }

  /// The calls seen so far, in order.
  public var calls: [Syscall] { state.withLock { $0.calls } }

  /// Notes a call and says with which error number it must fail, 0 for not at all.
  func outcome(of call: Syscall) -> Int32 {
    observer?(call)
    return state.withLock { state in
      if let counted = state.counted, !counted.contains(call) { return 0 }
      let position = state.calls.count
      state.calls.append(call)
      if let code = state.failing[position] { return code }
      if let failing = state.failingFrom, failing.call == call { return failing.code }
      return 0
    }
  }
}
