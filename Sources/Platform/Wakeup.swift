import CLinux
import Glibc

/// Wakes an event loop from another thread, through an eventfd.
public final class Wakeup: Sendable {
  /// Register this for reading.
  public let descriptor: Int32
  private let syscalls: Syscalls

  /// A wakeup with nothing pending.
  public init(syscalls: Syscalls) throws(SystemError) {
    self.syscalls = syscalls
    descriptor = try syscalls.retrying(.eventfd) {
      eventfd(0, Int32(EFD_NONBLOCK) | Int32(EFD_CLOEXEC))
    }
  }

  deinit { syscalls.close(descriptor) }

  /// Wakes the loop; many calls before it looks are one.
  public func signal() { _ = eventfd_write(descriptor, 1) }

  /// Takes the signal away; the loop's own thread calls it.
  public func clear() {
    var value: eventfd_t = 0
    // Safe: eventfd_read fills the value it is given.
    _ = unsafe eventfd_read(descriptor, &value)
  }
}
