import Platform
import Synchronization

/// The process's side of the access log: one thread that takes lines from the workers' rings to the file.
///
/// A worker never waits for it: what finds no room in a ring is dropped and counted, and the log says so itself.
/// What the file does not take, a full disk for example, is dropped and counted too.
final class AccessLog: Sendable {
  /// The ring of each worker.
  let rings: [ByteRing]
  /// Failures of the writer, beside the workers' own counters.
  let counters = WorkerCounters()

  private let path: String
  private let syscalls: Syscalls
  private let clock: Clock
  private let wakeup: Wakeup
  private let isStopping = Atomic<Bool>(false)
  private let mustReopen = Atomic<Bool>(false)
  private let thread = Mutex<OSThread?>(nil)

  /// How long lines wait at most when traffic is low.
  private static let pauseMilliseconds: Int32 = 100
  /// How long the last lines may take at the end, when nobody reads what is written.
  private static let stopNanoseconds: UInt64 = 2_000_000_000
  private static let chunkBytes = 65_536
  /// What a pipe takes without waiting once it is writable at all (PIPE_BUF).
  private static let pipeBytes = 4_096

  /// A log with a ring for each worker; nothing is opened yet.
  init(
    _ configuration: AccessLogConfiguration, workers: Int, syscalls: Syscalls, clock: Clock
  ) throws(SystemError) {
    path = configuration.file
    self.syscalls = syscalls
    self.clock = clock
    rings = (0..<workers).map { _ in ByteRing(capacity: configuration.ringBytes) }
    wakeup = try Wakeup(syscalls: syscalls)
  }

  /// Opens the file and starts the thread; `dropped` says how many lines the workers have dropped so far.
  func start(dropped: @escaping @Sendable () -> UInt64) throws(SystemError) {
    let sink = Sink(descriptor: try open())
    let started = try OSThread(name: "weir-access-log") { [self] in
      run(sink, dropped)
      close(sink)
    }
    thread.withLock { $0 = started }
  }

  /// Has the file opened again, after it was renamed. Any thread.
  func reopen() {
    // Released before the signal, acquired after it.
    mustReopen.store(true, ordering: .releasing)
    wakeup.signal()
  }

  /// Writes what is left and ends the thread. Call once, when no worker runs any more.
  func stop() {
    isStopping.store(true, ordering: .releasing)
    wakeup.signal()
    thread.withLock { $0.take() }?.join()
  }

  // MARK: The writer's thread

  /// Where lines go, and what the writer remembers of it.
  private final class Sink: @unchecked Sendable {
    // @unchecked: made by the starting thread, used by the writer alone afterwards.
    var descriptor: Int32
    /// A line was begun and not ended.
    var isBroken = false
    /// Dropped lines that the log has told of.
    var told: UInt64 = 0
    let chunk = Buffer(capacity: AccessLog.chunkBytes)

    init(descriptor: Int32) { self.descriptor = descriptor }
  }

  private func open() throws(SystemError) -> Int32 {
    path == "-" ? 1 : try syscalls.open(path, .append)
  }

  private func close(_ sink: Sink) {
    if path != "-" { syscalls.close(sink.descriptor) }
  }

  private func run(_ sink: Sink, _ dropped: @Sendable () -> UInt64) {
    var deadline = UInt64.max
    while true {
      let stops = isStopping.load(ordering: .acquiring)
      if stops && deadline == .max {
        deadline = clock.monotonicNanoseconds() + Self.stopNanoseconds
      }
      if mustReopen.exchange(false, ordering: .acquiringAndReleasing) { reopen(sink) }
      var moved = false
      for ring in rings where drain(ring, sink, until: deadline) { moved = true }
      tellDropped(dropped(), sink, until: deadline)
      if stops && (!moved || clock.monotonicNanoseconds() >= deadline) { return }
      if !moved { _ = wakeup.wait(timeoutMilliseconds: Self.pauseMilliseconds) }
    }
  }

  private func reopen(_ sink: Sink) {
    guard path != "-" else { return }
    do throws(SystemError) {
      let descriptor = try open()
      syscalls.close(sink.descriptor)
      sink.descriptor = descriptor
      sink.isBroken = false
    } catch {
      // The old file is better than none.
      counters.add(.accessLogFailures)
    }
  }

  /// Writes whole lines of a ring; true when there were any.
  private func drain(_ ring: ByteRing, _ sink: Sink, until deadline: UInt64) -> Bool {
    let chunk = sink.chunk
    chunk.reset()
    guard ring.peek(into: chunk) > 0 else { return false }
    let bytes = chunk.readable
    var end = bytes.byteCount
    // Lines of different workers must not mix: the rest of a line that was cut here comes next time.
    while end > 0 && bytes[end - 1] != UInt8(ascii: "\n") { end -= 1 }
    precondition(end > 0, "a line is shorter than the chunk")
    ring.consume(end)
    let lines = bytes.extracting(0..<end)
    let written = write(lines, sink, until: deadline)
    if written < end { lose(lines.extracting(written..<end)) }
    return true
  }

  /// One line for the lines that were dropped since the last one.
  private func tellDropped(_ dropped: UInt64, _ sink: Sink, until deadline: UInt64) {
    guard dropped > sink.told else { return }
    let chunk = sink.chunk
    chunk.reset()
    var line = AccessLine(chunk, at: clock.wallMicroseconds())
    line.number("dropped_lines", dropped - sink.told)
    line.finish()
    // Not told, it is told later, with what is dropped until then.
    if write(chunk.readable, sink, until: deadline) == chunk.count { sink.told = dropped }
  }

  /// Bytes of `lines` that were written.
  private func write(_ lines: RawSpan, _ sink: Sink, until deadline: UInt64) -> Int {
    if sink.isBroken {
      // Ends what a failed write has left; the next line is whole again.
      let end: [UInt8] = [UInt8(ascii: "\n")]
      // Safe: every bit pattern is a valid byte.
      guard unsafe writeAll(end.span.bytes, sink, until: deadline) == 1 else {
        return 0
      }
      sink.isBroken = false
    }
    let written = writeAll(lines, sink, until: deadline)
    sink.isBroken = written > 0 && lines[written - 1] != UInt8(ascii: "\n")
    return written
  }

  /// Bytes that the descriptor took before it failed, or before the deadline.
  private func writeAll(_ bytes: RawSpan, _ sink: Sink, until deadline: UInt64) -> Int {
    let isFile = syscalls.isRegularFile(sink.descriptor)
    var written = 0
    while written < bytes.byteCount {
      let rest = bytes.byteCount - written
      let count = isFile ? rest : min(rest, Self.pipeBytes)
      if !isFile, !waitUntilWritable(sink.descriptor, until: deadline) { return written }
      do throws(SystemError) {
        written += try syscalls.write(
          sink.descriptor, bytes.extracting(written..<written + count))
      } catch {
        return written
      }
    }
    return written
  }

  /// Waits for a reader; without a stop for as long as it takes, while the rings fill up.
  private func waitUntilWritable(_ descriptor: Int32, until deadline: UInt64) -> Bool {
    var limit = deadline
    while true {
      if syscalls.waitUntilWritable(descriptor, timeoutMilliseconds: Self.pauseMilliseconds) {
        return true
      }
      let now = clock.monotonicNanoseconds()
      if limit == .max && isStopping.load(ordering: .acquiring) {
        limit = now + Self.stopNanoseconds
      }
      if now >= limit { return false }
    }
  }

  /// Counts lines that the file did not take.
  private func lose(_ lines: RawSpan) {
    var count: UInt64 = 0
    for index in 0..<lines.byteCount where lines[index] == UInt8(ascii: "\n") { count += 1 }
    counters.add(.accessLogFailures)
    counters.add(.accessLogDropped, count)
  }
}
