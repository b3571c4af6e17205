import Foundation
import Glibc
import PlainHTTP
import TestSupport
import Usage

/// A proxy without an allocator: its batches stay in its spool, where the test reads them.
final class LoneProxy {
  /// Where its files are.
  let directory: TemporaryDirectory
  /// Its port, once it serves.
  private(set) var port: UInt16 = 0
  private var adminPort: UInt16 = 0
  private let memory: TemporaryDirectory

  /// Writes its file; `timeouts` stand in its section of that name, `listener` and `upstream` are further keys of
  /// those, `further` lines at its end.
  init(
    upstreams: [UInt16] = [1], timeouts: String = "", listener: String = "", upstream: String = "",
    routes: String = "{ name: all, upstream: app }",
    further: String = ""
  ) throws {
    directory = try TemporaryDirectory()
    memory = try TemporaryDirectory(under: "/dev/shm")
    let addresses = upstreams.map { "\"127.0.0.1:\($0)\"" }.joined(separator: ", ")
    try TextFile.write(
      """
      instance: lone
      workers: 1
      admin: { address: "127.0.0.1:0" }
      listeners: [{ name: main, address: "127.0.0.1:0", trusted: ["127.0.0.0/8"]\(listener) }]
      tenants: { rules: [{ header: { name: X-Tenant } }] }
      upstreams: { app: { addresses: [\(addresses)]\(upstream) } }
      routes: [\(routes)]
      timeouts: { \(timeouts) }
      metering:
        directory: "\(directory.file("segments"))"
        active_directory: "\(memory.path)"
        interval_seconds: 1
      shipping: { spool: "\(directory.file("spool"))" }
      \(further)
      """, to: directory.file("proxy.yaml"))
  }

  /// Starts it, perhaps under another program, and waits until it serves.
  func start(
    environment: [String: String] = [:], under words: [String] = []
  ) throws -> ChildProcess {
    let program = [try BuiltProduct.path("weir-proxy"), directory.file("proxy.yaml")]
    let all = words.isEmpty ? program : ["/usr/bin/env"] + words + program
    let process = try ChildProcess(
      all[0], Array(all.dropFirst()), environment: environment, outputIn: directory.path)
    let serving = try process.waitForLine(containing: "] serving", withinMilliseconds: 60_000)
    let listening = try process.waitForLine(containing: "] listening")
    port = LogLine.port(LogLine.value("address", in: listening))
    adminPort = LogLine.port(LogLine.value("admin", in: serving))
    return process
  }

  /// The status of `/readyz`.
  func ready() throws -> Int {
    let client = try RawClient(port: adminPort)
    defer { client.close() }
    try client.send("GET /readyz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    return try client.readResponse().status
  }

  /// The sum of a metric over its samples whose labels hold `label`, from its admin port.
  func metric(_ name: String, label: String = "") throws -> UInt64 {
    let client = try RawClient(port: adminPort)
    defer { client.close() }
    try client.send("GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    return MetricsReading.sum(of: name, label: label, in: try client.readResponse().body)
  }

  /// Descriptors that a process has open, by /proc.
  func descriptors(of process: ChildProcess) throws -> Int {
    try FileManager.default.contentsOfDirectory(atPath: "/proc/\(process.pid)/fd").count
  }

  /// All batches of its spool.
  func spooledBatches() throws -> [Batch] {
    try SpoolFolderReading(path: directory.file("spool")).batches(.pending)
  }

  /// What all batches of its spool say of requests and their ends, without what is 0.
  func spooledRequests() throws -> [String: UInt64] {
    var sums: [String: UInt64] = [:]
    for row in try spooledBatches().flatMap(\.rows) {
      for quantity in [Usage.Quantity.requests] + Usage.Quantity.ended where row[quantity] > 0 {
        sums[quantity.name, default: 0] += row[quantity]
      }
    }
    return sums
  }

  /// Whether this machine lets us make a process namespace.
  func mayUnshare() throws -> Bool {
    let process = try ChildProcess(
      "/usr/bin/env", ["unshare", "--pid", "--fork", "--mount-proc", "true"],
      outputIn: directory.path, name: "unshare")
    return try process.waitForExit() == .exited(0)
  }

  /// The children of a process by /proc, those included whose end nobody has noted.
  func children(of pid: pid_t) throws -> [pid_t] {
    let text = TextFile.read("/proc/\(pid)/task/\(pid)/children") ?? []
    return String(decoding: text, as: UTF8.self).split { !$0.isNumber }.compactMap { pid_t($0) }
  }
}
