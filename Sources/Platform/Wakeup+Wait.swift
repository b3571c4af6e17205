import Glibc

extension Wakeup {
  /// Waits for the signal, at most `timeoutMilliseconds` (-1 for ever); then takes it away. Says whether it
  /// came. For threads that have no event loop.
  public func wait(timeoutMilliseconds: Int32) -> Bool {
    var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    // Safe: one entry is passed and lives for the call.
    let count = unsafe poll(&entry, 1, timeoutMilliseconds)
    if count > 0 { clear() }
    return count > 0
  }
}
