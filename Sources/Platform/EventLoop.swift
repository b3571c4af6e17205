import CLinux
import Glibc

/// Edge-triggered epoll: each descriptor is registered once, for both directions, with a word of the caller's.
///
/// Owned by one thread. The word carries a slot and a generation, so that an event of a descriptor that was
/// closed and reused in the same turn is recognised as stale.
@safe
public final class EventLoop {
  /// One ready descriptor.
  public struct Event: Sendable {
    /// What the caller registered.
    public let word: UInt64
    private let bits: UInt32

    init(word: UInt64, bits: UInt32) {
      self.word = word
      self.bits = bits
    }

    /// Something can be read, the end of stream included.
    public var isReadable: Bool { bits & (0x1 | 0x2000 | 0x10 | 0x8) != 0 }
    /// Something can be written, or writing will fail.
    public var isWritable: Bool { bits & (0x4 | 0x10 | 0x8) != 0 }
    /// The peer sent its end of stream.
    public var isPeerClosed: Bool { bits & (0x2000 | 0x10) != 0 }
    /// The descriptor failed, for example by a reset. Both directions closed in good order is not that.
    public var isBroken: Bool { bits & 0x8 != 0 }
  }

  private let syscalls: Syscalls
  private let epoll: Int32
  private let events: UnsafeMutableBufferPointer<epoll_event>
  private var readyCount = 0

  /// A loop that takes at most `eventsMax` events a turn.
  public init(syscalls: Syscalls, eventsMax: Int = 256) throws(SystemError) {
    self.syscalls = syscalls
    epoll = try syscalls.retrying(.epollCreate) { epoll_create1(Int32(EPOLL_CLOEXEC)) }
    unsafe events = .allocate(capacity: eventsMax)
    unsafe events.initialize(repeating: epoll_event())
  }

  deinit {
    unsafe events.deallocate()
    syscalls.close(epoll)
  }

  /// Registers a descriptor for reading and writing, edge-triggered. Closing it takes it out.
  public func register(_ fd: Int32, word: UInt64) throws(SystemError) {
    // EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET
    try control(fd, events: 0x1 | 0x4 | 0x2000 | (1 << 31), word: word)
  }

  /// Registers a listener or an eventfd: level-triggered, for reading.
  public func registerForReading(_ fd: Int32, word: UInt64) throws(SystemError) {
    try control(fd, events: 0x1, word: word)
  }

  /// Takes a descriptor out without closing it.
  public func remove(_ fd: Int32) {
    _ = weir_epoll_control(epoll, EPOLL_CTL_DEL, fd, 0, 0)
  }

  private func control(_ fd: Int32, events: UInt32, word: UInt64) throws(SystemError) {
    _ = try syscalls.retrying(.epollControl) {
      weir_epoll_control(epoll, EPOLL_CTL_ADD, fd, events, word)
    }
  }

  /// Waits for events, at most `timeoutMilliseconds` (-1 for ever), and returns how many there are.
  public func wait(timeoutMilliseconds: Int32) -> Int {
    if syscalls.planned(.epollWait) != 0 { return 0 }
    // Safe: at most events.count events are written.
    let count = unsafe weir_epoll_wait(
      epoll, events.baseAddress!, Int32(events.count), timeoutMilliseconds)
    readyCount = max(0, Int(count))
    return readyCount
  }

  /// The event at `position` of the last `wait`.
  public func event(_ position: Int) -> Event {
    precondition(position < readyCount, "no such event")
    // Safe: position < readyCount <= events.count.
    let event = unsafe events[position]
    return unsafe Event(word: event.data.u64, bits: event.events)
  }
}
