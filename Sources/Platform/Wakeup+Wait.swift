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

  /// Waits for the signal or for something to read from another descriptor; then takes the signal away. Says whether
  /// the descriptor can be read.
  public func waitBeside(_ other: Int32) -> Bool {
    var entries = [
      pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
      pollfd(fd: other, events: Int16(POLLIN), revents: 0),
    ]
    // Safe: two entries are passed and live for the call.
    _ = unsafe poll(&entries, 2, -1)
    if entries[0].revents != 0 { clear() }
    return entries[1].revents != 0
  }
}
