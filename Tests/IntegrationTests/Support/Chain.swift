import Accounting
import Foundation
import PlainHTTP
import TestSupport

/// Application, proxy, relay and allocator, each but the relay a process of its own.
///
/// The relay stands between proxy and allocator for good, so an allocator that is started again may
/// listen on another port. One thread only.
final class Chain {
  /// What this chain was made with.
  let settings: Settings
  /// Where its files are.
  let folders: ChainFolders
  /// Between proxy and allocator.
  let relay: AllocatorRelay
  /// The application; nil when the upstream is the test's own.
  private(set) var app: ChildProcess?
  /// The allocator, when it runs.
  private(set) var allocator: ChildProcess?
  /// The proxy, when it runs.
  private(set) var proxy: ChildProcess?
  /// The proxy's port.
  private(set) var proxyPort: UInt16 = 0
  /// The port of the proxy's metrics.
  private(set) var proxyAdminPort: UInt16 = 0
  /// The port of the allocator's API.
  private(set) var allocatorPort: UInt16 = 0
  private let upstreamPort: UInt16

  /// Starts application, allocator and relay; the proxy is the test's to start.
  ///
  /// With `upstream` the proxy forwards to that port instead of an application.
  init(_ settings: Settings = Settings(), upstream: UInt16? = nil) throws {
    self.settings = settings
    folders = try ChainFolders()
    relay = try AllocatorRelay()
    if let upstream {
      upstreamPort = upstream
    } else {
      let portFile = folders.disk.file("app.port")
      let app = try ChildProcess(
        try BuiltProduct.path("SampleApp"),
        [
          "--port-file", portFile, "--ledger", folders.disk.file("app.json"),
          "--connections-max", "600",
        ], outputIn: folders.disk.path)
      upstreamPort = UInt16(try app.waitForFile(portFile)) ?? 0
      self.app = app
    }
    for role in TokenRole.allCases {
      let made = try weir(
        "token", "create", "--role", role.rawValue, "--name", "test \(role.rawValue)", "--store",
        folders.store, "--output", folders.token(role), connects: false)
      guard made.status == .exited(0) else { throw TestSupportError.process("\(made)") }
    }
    try startAllocator()
  }

  // MARK: allocator

  /// Starts the allocator on the chain's store and points the relay at it.
  func startAllocator() throws {
    let file = folders.disk.file("allocator.yaml")
    try TextFile.write(settings.allocatorFile(folders: folders), to: file)
    let process = try start("weir", ["allocator", "--config", file])
    let line = try process.waitForLine(containing: "api_port=", withinMilliseconds: 60_000)
    allocatorPort = UInt16(LogLine.value("api_port", in: line) ?? "") ?? 0
    allocator = process
    relay.target = allocatorPort
  }

  /// Ends the allocator with SIGKILL.
  func killAllocator() throws {
    allocator?.kill()
    try allocator?.waitForExit()
    allocator = nil
  }

  /// Ends the allocator with SIGTERM, and waits.
  func stopAllocator() throws {
    allocator?.terminate()
    try allocator?.waitForExit(withinMilliseconds: 30_000)
    allocator = nil
  }

  /// The API, for one role.
  func api(_ role: TokenRole = .operator) throws -> AllocatorAPI {
    AllocatorAPI(port: allocatorPort, token: try folders.secret(role))
  }

  // MARK: proxy

  /// Starts the proxy and waits until it serves.
  func startProxy() throws {
    try rewriteProxyFile(settings)
    try serve(["weir-proxy.yaml"])
  }

  /// Writes the proxy's file anew, for a reload or an upgrade.
  func rewriteProxyFile(_ settings: Settings, appending text: String = "") throws {
    let file = settings.proxyFile(
      upstream: upstreamPort, allocator: relay.port, folders: folders)
    try TextFile.write(file + text, to: folders.disk.file("weir-proxy.yaml"))
  }

  /// Starts a proxy that takes over, and waits until it serves; the old one drains.
  func beginUpgrade() throws { try serve(["--upgrade", "weir-proxy.yaml"]) }

  /// Starts a proxy that takes over, and waits until the old one has ended well.
  func upgradeProxy() throws {
    let old = proxy
    try beginUpgrade()
    let status = try old?.waitForExit(withinMilliseconds: 60_000)
    guard status == .exited(0) else {
      throw TestSupportError.process("\(String(describing: status)): \(old?.errorOutput ?? "")")
    }
    _ = try proxy?.waitForLine(containing: "let go of the spool")
  }

  private func serve(_ arguments: [String]) throws {
    let words = arguments.dropLast() + [folders.disk.file(arguments.last ?? "")]
    let process = try start("weir-proxy", Array(words))
    let serving = try process.waitForLine(containing: "] serving", withinMilliseconds: 60_000)
    let listening = try process.waitForLine(containing: "] listening")
    proxyPort = LogLine.port(LogLine.value("address", in: listening))
    proxyAdminPort = LogLine.port(LogLine.value("admin", in: serving))
    proxy = process
  }

  /// Starts the proxy and kills it after a moment, whatever it has come to.
  func startProxyForAMoment(milliseconds: Int) throws {
    let process = try start("weir-proxy", [folders.disk.file("weir-proxy.yaml")])
    Clocks.pause(milliseconds: milliseconds)
    process.kill()
    try process.waitForExit()
  }

  /// Ends the proxy with SIGKILL.
  func killProxy() throws {
    proxy?.kill()
    try proxy?.waitForExit()
    proxy = nil
  }

  /// Ends the proxy with SIGTERM, waits for its drain, and says how it ended.
  @discardableResult
  func stopProxy() throws -> ExitStatus? {
    proxy?.terminate()
    let status = try proxy?.waitForExit(withinMilliseconds: 60_000)
    proxy = nil
    return status
  }

  /// Ends the proxy in order; starts it again, at most five times, as long as batches wait in its
  /// spool.
  func drainUntilShipped() throws {
    try stopProxy()
    for _ in 0..<5 where try !spool.files(.pending).isEmpty {
      try startProxy()
      try awaitCondition("an empty spool", withinMilliseconds: 30_000) {
        try spool.files(.pending).isEmpty
      }
      try stopProxy()
    }
    let left = try spool.files(.pending)
    guard left.isEmpty else { throw TestSupportError.process("not shipped: \(left)") }
  }

  /// What lies in the proxy's spool.
  var spool: SpoolFolderReading { SpoolFolderReading(path: folders.spool) }

  // MARK: programs

  private func start(_ program: String, _ arguments: [String]) throws -> ChildProcess {
    let path = try BuiltProduct.path(program)
    guard settings.ignoresFileSizeSignal else {
      return try ChildProcess(path, arguments, outputIn: folders.disk.path)
    }
    // A file system that is full answers with an error and no signal; so must the limit that stands
    // for it.
    let words = ([path] + arguments).map { "'\($0)'" }.joined(separator: " ")
    return try ChildProcess(
      "/bin/sh", ["-c", "trap '' XFSZ; exec \(words)"], outputIn: folders.disk.path, name: program)
  }

  /// How a command ended and what it wrote.
  struct Outcome: CustomStringConvertible {
    /// How it ended.
    let status: ExitStatus
    /// Standard output.
    let output: String
    /// Standard error.
    let errorOutput: String

    /// Standard output as JSON.
    func json() throws -> JSONValue { try JSONValue(parsing: Array(output.trimmed.utf8)) }

    /// All of it, for a report.
    var description: String { "\(status)\n\(output)\n\(errorOutput)" }
  }

  /// Runs a command of `weir` to its end; `connects` adds the address and the token of a role.
  func weir(
    _ arguments: String..., role: TokenRole = .operator, connects: Bool = true
  ) throws -> Outcome {
    var all = arguments
    if connects {
      all += ["--server", "http://127.0.0.1:\(allocatorPort)", "--token-file", folders.token(role)]
    }
    return try run("weir", all)
  }

  /// Runs a program of the package to its end.
  func run(_ program: String, _ arguments: [String], seconds: UInt64 = 120) throws -> Outcome {
    let process = try ChildProcess(
      try BuiltProduct.path(program), arguments, outputIn: folders.disk.path)
    let status = try process.waitForExit(withinMilliseconds: seconds * 1_000)
    return Outcome(
      status: status, output: process.output, errorOutput: process.errorOutput)
  }
}

extension ChainFolders {
  /// The secret of a role.
  func secret(_ role: TokenRole) throws -> String {
    guard let bytes = TextFile.read(token(role)) else {
      throw TestSupportError.file("no token of \(role)")
    }
    return String(decoding: bytes, as: UTF8.self).trimmed
  }
}

extension String {
  /// Without white space around it.
  var trimmed: String { trimmingCharacters(in: .whitespacesAndNewlines) }
}
