import CLinux

/// A pipe through which bytes go from one socket to another without passing through this process's memory.
///
/// Filled only while it is empty: then "would block" on the way in can only mean that the source has nothing,
/// never that the pipe is full. Holds at most what the kernel gives a pipe (16 pieces of its own buffers by
/// default). Owned by one worker thread. splice(2).
public final class SplicePipe {
  private let syscalls: Syscalls
  private let readEnd: Int32
  private let writeEnd: Int32
  /// Bytes inside.
  public private(set) var count = 0

  /// A new pipe; throws when the process is out of descriptors or pipe memory.
  public init(syscalls: Syscalls) throws(SystemError) {
    self.syscalls = syscalls
    var ends: [Int32] = [-1, -1]
    // Safe: the array holds both ends.
    _ = try syscalls.retrying(.pipe) { unsafe weir_pipe(&ends) }
    readEnd = ends[0]
    writeEnd = ends[1]
  }

  deinit {
    syscalls.close(readEnd)
    syscalls.close(writeEnd)
  }

  /// Takes at most `count` bytes from a socket into the empty pipe.
  public func fill(from socket: Int32, count wanted: Int) -> IOResult {
    precondition(count == 0 && wanted > 0, "filled only while empty")
    let result = syscalls.moving(.splice) { weir_splice(socket, writeEnd, wanted) }
    if case .moved(let moved) = result { count = moved }
    return result
  }

  /// Sends what is inside to a socket, as far as it takes it.
  public func drain(to socket: Int32) -> IOResult {
    precondition(count > 0, "sending nothing would look like the end")
    let result = syscalls.moving(.splice) { weir_splice(readEnd, socket, count) }
    if case .moved(let moved) = result { count -= moved }
    return result
  }
}

/// Pipes that wait for their next use, newest first. Owned by one worker thread.
public struct SplicePipePool: ~Copyable {
  private let syscalls: Syscalls
  /// Pipes in use at a time.
  public var lentMax: Int
  private var kept: [SplicePipe] = []
  /// The fewest that were kept at any moment since the last `trim`.
  private var leastKept = 0
  /// Pipes in use now.
  public private(set) var lent = 0

  /// Unused pipes that are kept open.
  static let keptMax = 64

  /// Lends at most `lentMax` pipes at a time.
  public init(syscalls: Syscalls, lentMax: Int) {
    self.syscalls = syscalls
    self.lentMax = lentMax
  }

  /// An empty pipe; nil at the bound, or when the kernel gives none: the bytes are then copied.
  public mutating func take() -> SplicePipe? {
    guard lent < lentMax else { return nil }
    let pipe: SplicePipe
    if let last = kept.popLast() {
      pipe = last
      leastKept = min(leastKept, kept.count)
    } else {
      do throws(SystemError) {
        pipe = try SplicePipe(syscalls: syscalls)
      } catch {
        return nil
      }
    }
    lent += 1
    return pipe
  }

  /// Open pipes that nobody uses.
  public var keptCount: Int { kept.count }

  /// Closes the pipes that nobody needed since the last call, so that a burst of large bodies leaves no descriptors
  /// behind. Called at each sweep.
  public mutating func trim() {
    kept.removeFirst(leastKept)
    leastKept = kept.count
  }

  /// Takes a pipe back; one that still holds bytes is closed, so that they never reach anybody else.
  public mutating func give(_ pipe: SplicePipe) {
    lent -= 1
    // Bound: keptMax.
    if pipe.count == 0 && kept.count < Self.keptMax { kept.append(pipe) }
  }
}
