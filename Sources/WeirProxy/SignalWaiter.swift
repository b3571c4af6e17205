import Glibc

/// The signals that an operator sends, waited for on the main thread instead of handled in between.
enum SignalWaiter {
  /// What a signal asks for.
  enum Request {
    case stop
    case reload
  }

  /// Blocks the signals in this thread and in all that are started from it; call before any thread starts.
  static func block() {
    var set = signalSet()
    // Safe: the set lives for the call.
    _ = unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
    // A client that goes away must not end the process; sends report it instead.
    _ = signal(SIGPIPE, SIG_IGN)
  }

  /// Waits for the next request.
  static func next() -> Request {
    var set = signalSet()
    while true {
      var number: Int32 = 0
      // Safe: both live for the call.
      guard unsafe sigwait(&set, &number) == 0 else { continue }
      return number == SIGHUP ? .reload : .stop
    }
  }

  private static func signalSet() -> sigset_t {
    var set = sigset_t()
    for number in [SIGTERM, SIGINT, SIGHUP] {
      // Safe: the set lives for the call.
      _ = unsafe sigaddset(&set, number)
    }
    return set
  }
}
