import Glibc
import PlainHTTP
import Synchronization

/// How a process ended.
public enum ExitStatus: Sendable, Equatable {
  /// By itself, with this status.
  case exited(Int32)
  /// By this signal.
  case signalled(Int32)
}

/// A program that runs beside the test, with its output in files; killed and reaped when the last reference goes.
public final class ChildProcess: Sendable {
  /// Its process id; signals go to this id and no other.
  public let pid: Int32
  /// Files that hold what it wrote so far.
  public let outputPath: String
  public let errorPath: String
  private let name: String
  private let status = Mutex<ExitStatus?>(nil)

  /// Starts a program with exactly this environment on top of PATH, its output in `directory`.
  public init(
    _ executable: String, _ arguments: [String] = [], environment: [String: String] = [:],
    outputIn directory: String, name: String? = nil
  ) throws(TestSupportError) {
    let shortName = name ?? String(executable.split(separator: "/").last ?? "process")
    self.name = shortName
    let unique = String(UInt32.random(in: 0...UInt32.max), radix: 36)
    outputPath = "\(directory)/\(shortName)-\(unique).out"
    errorPath = "\(directory)/\(shortName)-\(unique).err"
    var settings = ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"]
    settings.merge(environment) { $1 }
    let request = SpawnRequest(
      executable: executable, arguments: [executable] + arguments,
      environment: settings.map { "\($0.key)=\($0.value)" }, outputPath: outputPath,
      errorPath: errorPath)
    pid = try request.spawn()
  }

  deinit {
    if exitStatus == nil {
      Glibc.kill(pid, SIGKILL)
      var raw: Int32 = 0
      // Safe: one integer to write; the child is ours and not reaped yet.
      unsafe waitpid(pid, &raw, 0)
    }
  }

  /// How it ended, or nil while it runs.
  public var exitStatus: ExitStatus? {
    status.withLock { known in
      if known != nil { return known }
      var raw: Int32 = 0
      // Safe: one integer to write.
      guard unsafe waitpid(pid, &raw, WNOHANG) == pid else { return nil }
      // The wait status as wait(2) lays it out: the signal in the low seven bits, the exit status above eight.
      known = raw & 0x7F == 0 ? .exited((raw >> 8) & 0xFF) : .signalled(raw & 0x7F)
      return known
    }
  }

  /// True while it runs.
  public var isRunning: Bool { exitStatus == nil }

  /// Everything that it has written to standard output.
  public var output: String { Self.text(outputPath) }

  /// Everything that it has written to standard error.
  public var errorOutput: String { Self.text(errorPath) }

  /// Sends any signal; nothing after its end, when the id may belong to somebody else.
  public func signal(_ number: Int32) {
    if isRunning { Glibc.kill(pid, number) }
  }

  /// Asks it to end (SIGTERM).
  public func terminate() { signal(SIGTERM) }

  /// Ends it at once (SIGKILL), at whatever instruction it is.
  public func kill() { signal(SIGKILL) }

  /// Waits for its end.
  @discardableResult
  public func waitForExit(withinMilliseconds limit: UInt64 = 15_000) throws -> ExitStatus {
    try awaitValue(report("the end of"), withinMilliseconds: limit) { exitStatus }
  }

  /// Waits for a line that contains `text`, in either output, and returns the line.
  public func waitForLine(
    containing text: String, withinMilliseconds limit: UInt64 = 15_000
  ) throws -> String {
    try waitWhileRunning("a line with \"\(text)\" from", limit) {
      (output + "\n" + errorOutput).split(separator: "\n").map(String.init).first {
        $0.contains(text)
      }
    }
  }

  /// Waits until a file has content, and returns it without the white space at its end.
  public func waitForFile(
    _ path: String, withinMilliseconds limit: UInt64 = 15_000
  ) throws -> String {
    try waitWhileRunning("the file \(path) from", limit) {
      var text = Self.text(path)
      while text.last?.isWhitespace == true { text.removeLast() }
      return text.isEmpty ? nil : text
    }
  }

  /// Waits until `holds`; gives up at once when the process ends.
  public func waitUntil(
    _ what: String, withinMilliseconds limit: UInt64 = 15_000, _ holds: () throws -> Bool
  ) throws {
    _ = try waitWhileRunning("\(what) with", limit) { try holds() ? true : nil }
  }

  private func waitWhileRunning<Value>(
    _ what: String, _ limit: UInt64, _ ask: () throws -> Value?
  ) throws -> Value {
    do {
      return try awaitValue(what, withinMilliseconds: limit) {
        let ended = exitStatus
        if let value = try ask() { return value }
        if let ended { throw TestSupportError.process("\(name) ended: \(ended)") }
        return nil
      }
    } catch let error as TestSupportError {
      throw TestSupportError.process("\(error); \(report(what))")
    }
  }

  /// What a person needs to see when a wait fails.
  private func report(_ what: String) -> String {
    "\(what) \(name) (pid \(pid)); it wrote: \(output.suffix(500)) | \(errorOutput.suffix(1500))"
  }

  private static func text(_ path: String) -> String {
    String(decoding: TextFile.read(path) ?? [], as: UTF8.self)
  }
}
