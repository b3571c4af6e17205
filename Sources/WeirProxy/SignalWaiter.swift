import Glibc

/// The signals that an operator sends, waited for on the main thread instead of handled in between.
enum SignalWaiter {
  /// What a signal asks for.
  enum Request {
    case stop
    case reload
    /// Another process may have taken over: the hand-over point knows.
    case handover
    /// A child has ended: only as the first process of a container are there any.
    case child
    /// The time is over and no signal came.
    case nothing
    /// The access log's file was renamed.
    case reopenLog
  }

  /// Blocks the signals in this thread and in all that are started from it; call before any thread starts.
  static func block() {
    var set = signalSet()
    // Safe: the set lives for the call.
    _ = unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
    // A client that goes away must not end the process; sends report it instead.
    _ = signal(SIGPIPE, SIG_IGN)
  }

  /// Waits for the next request, at most so long.
  ///
  /// Blocked signals reach this wait also in the first process of a container, for which the kernel drops
  /// signals that nobody handles.
  static func next(timeoutMilliseconds: Int) -> Request {
    var set = signalSet()
    var time = timespec(
      tv_sec: timeoutMilliseconds / 1_000, tv_nsec: timeoutMilliseconds % 1_000 * 1_000_000)
    // Safe: both live for the call.
    switch unsafe sigtimedwait(&set, nil, &time) {
    case SIGTERM, SIGINT: return .stop
    case SIGHUP: return .reload
    case SIGUSR1: return .reopenLog
    case SIGUSR2: return .handover
    case SIGCHLD: return .child
    default: return .nothing
    }
  }

  /// Wakes the main thread: another process has taken over. Any thread.
  static func signalHandover() { _ = kill(getpid(), SIGUSR2) }

  /// Takes note of every child that has ended. In a container the orphans of other processes are ours.
  static func reapChildren() {
    // Bound: the children that have ended.
    while waitpid(-1, nil, WNOHANG) > 0 {}
  }

  private static func signalSet() -> sigset_t {
    var set = sigset_t()
    for number in [SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGCHLD] {
      // Safe: the set lives for the call.
      _ = unsafe sigaddset(&set, number)
    }
    return set
  }
}
