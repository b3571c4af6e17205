import Glibc

/// Turns SIGTERM and SIGINT from an interruption into something a thread waits for.
public enum Termination {
  /// Blocks both signals; call first, before any thread starts, because threads inherit the mask.
  public static func block() {
    var signals = terminationSignals()
    // Safe: an initialised set, and no old set is asked for.
    unsafe pthread_sigmask(SIG_BLOCK, &signals, nil)
  }

  /// Waits for one of the two.
  public static func wait() {
    var signals = terminationSignals()
    var received: Int32 = 0
    // Safe: an initialised set and one integer to write.
    unsafe sigwait(&signals, &received)
  }

  private static func terminationSignals() -> sigset_t {
    var signals = sigset_t()
    // Safe: each call writes inside the one set.
    unsafe sigemptyset(&signals)
    unsafe sigaddset(&signals, SIGTERM)
    unsafe sigaddset(&signals, SIGINT)
    return signals
  }
}
