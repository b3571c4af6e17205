import Foundation
import Glibc
import PlainHTTP
import Platform
import Synchronization
import TestSupport
import Testing

extension Integration {
  @Suite("A proxy that another one takes over from") struct UpgradeTests {
    /// In CI; `WEIR_UPGRADES=20` is the whole form.
    private static let rounds = Rounds.number("WEIR_UPGRADES", 3)

    @Test(.timeLimit(.minutes(10)))
    func `hot upgrades under load fail no request, and the totals are exact`() throws {
      var settings = Settings()
      settings.hasUpgradeSocket = true
      let chain = try Chain(settings)
      try chain.startProxy()
      let port = chain.proxyPort
      let load = try SteadyLoad(port: port, clients: 3)

      for round in 1...Self.rounds {
        // Also with more and with fewer workers than the process before had.
        settings.workers = 1 + Int(round % 3)
        try chain.rewriteProxyFile(settings)
        let before = load.answered
        try chain.upgradeProxy()
        #expect(chain.proxyPort == port)
        try awaitCondition("requests after the upgrade") { load.answered > before + 20 }
      }
      load.stop()
      #expect(load.failures.isEmpty, "\(load.failures.prefix(3))")
      #expect(load.connections > 3)
      #expect(try chain.proxyMetric("weir_conservation_difference") == 0)
      try chain.drainUntilShipped()

      let usage = try chain.api().usage()
      #expect(usage[SteadyLoad.tenant, "requests"] == load.answered)
      #expect(usage[SteadyLoad.tenant, "ended_completed"] == load.answered)
    }

    @Test(.timeLimit(.minutes(1)))
    func `a download that is open goes on in the old process, a new request in the new one`() throws
    {
      var settings = Settings()
      settings.hasUpgradeSocket = true
      let chain = try Chain(settings)
      try chain.startProxy()
      let old = try #require(chain.proxy)
      let client = try RawClient(port: chain.proxyPort)
      try client.send("GET /stream/30/1000/50 HTTP/1.1\r\nHost: a\r\nX-Tenant: acme\r\n\r\n")
      _ = try client.readBytes(500)

      try chain.beginUpgrade()
      let fresh = try RawClient(port: chain.proxyPort)
      try fresh.send("GET /api/items HTTP/1.1\r\nHost: a\r\nX-Tenant: acme\r\n\r\n")
      let answer = try fresh.readResponse()
      let oldRunsStill = old.isRunning
      let rest = try client.readToEnd()
      let status = try old.waitForExit()
      fresh.close()

      #expect(answer.status == 200 && oldRunsStill)
      #expect(rest.suffix(7) == Array("\r\n0\r\n\r\n".utf8))
      #expect(status == .exited(0))
      _ = try chain.proxy?.waitForLine(containing: "let go of the spool")
      try chain.drainUntilShipped()
      #expect(try chain.api().usage()["acme", "requests"] == 2)
      #expect(try chain.api().usage()["acme", "ended_completed"] == 2)
    }

    @Test(.timeLimit(.minutes(1)))
    func `a new process that cannot start leaves the old one as it was`() throws {
      var settings = Settings()
      settings.hasUpgradeSocket = true
      let chain = try Chain(settings)
      try chain.startProxy()
      let old = try #require(chain.proxy)

      settings.registerFile = "/nonexistent/register.csv"
      try chain.rewriteProxyFile(settings)
      let failed = try chain.run(
        "weir-proxy", ["--upgrade", chain.folders.disk.file("weir-proxy.yaml")], seconds: 30)
      _ = try old.waitForLine(containing: "begun and not finished")
      let client = try RawClient(port: chain.proxyPort)
      try client.send("GET /api/items HTTP/1.1\r\nHost: a\r\nX-Tenant: acme\r\n\r\n")
      let answer = try client.readResponse()
      client.close()
      // It hands over to the next one that asks.
      settings.registerFile = nil
      try chain.rewriteProxyFile(settings)
      try chain.upgradeProxy()

      #expect(failed.status == .exited(1), "\(failed)")
      #expect(answer.status == 200)
      try chain.drainUntilShipped()
      #expect(try chain.api().usage()["acme", "requests"] == 1)
    }

    @Test(.timeLimit(.minutes(2)))
    func `a new process that is killed in the middle of a hand-over costs no request and no count`()
      throws
    {
      var settings = Settings()
      settings.hasUpgradeSocket = true
      let chain = try Chain(settings)
      try chain.startProxy()
      let old = try #require(chain.proxy)
      let load = try SteadyLoad(port: chain.proxyPort, clients: 3)
      // It has the sockets by then, its meter and its boot, and waits for the register to be written.
      let fifo = chain.folders.disk.file("register.fifo")
      #expect(unsafe mkfifo(fifo, 0o600) == 0)
      settings.registerFile = fifo
      try chain.rewriteProxyFile(settings)

      for round in 1...Self.rounds {
        let new = try ChildProcess(
          try BuiltProduct.path("weir-proxy"),
          ["--upgrade", chain.folders.disk.file("weir-proxy.yaml")],
          outputIn: chain.folders.disk.path)
        _ = try new.waitForLine(containing: "taking over", withinMilliseconds: 60_000)
        let before = load.answered
        try awaitCondition("requests beside it") { load.answered > before + 20 }
        new.kill()
        #expect(try new.waitForExit() == .signalled(SIGKILL))
        try old.waitUntil("the end of hand-over \(round)") {
          old.errorOutput.components(separatedBy: "begun and not finished").count == round + 1
        }
        let after = load.answered
        try awaitCondition("requests after it") { load.answered > after + 20 }
      }
      #expect(old.isRunning)
      #expect(load.connections == 3)
      // It hands over to the next one that asks.
      settings.registerFile = nil
      try chain.rewriteProxyFile(settings)
      try chain.upgradeProxy()
      load.stop()
      #expect(load.failures.isEmpty, "\(load.failures.prefix(3))")
      #expect(try chain.proxyMetric("weir_conservation_difference") == 0)
      try chain.drainUntilShipped()

      let usage = try chain.api().usage()
      #expect(usage[SteadyLoad.tenant, "requests"] == load.answered)
      #expect(usage[SteadyLoad.tenant, "ended_completed"] == load.answered)
      #expect(usage[SteadyLoad.tenant, "ended_crashed"] == 0)
    }

    @Test(.timeLimit(.minutes(1)))
    func `a new process that is not ready in time is left, and the old one serves on`() throws {
      var settings = Settings()
      settings.hasUpgradeSocket = true
      settings.upgradeTimeoutMilliseconds = 300
      let chain = try Chain(settings)
      try chain.startProxy()
      let old = try #require(chain.proxy)

      // Asks for everything, and then never says that it serves.
      let slow = try MessageSocket.connect(
        to: chain.folders.upgradeSocket, timeoutMilliseconds: 20_000, syscalls: Syscalls())
      try slow.send("hello 1 0.0.0 \(getpid())")
      var messages: [String] = []
      // Bound: the sockets of two workers, the admin's, and the end.
      for _ in 0..<10 {
        guard let (text, descriptor) = try slow.receive() else { break }
        messages.append(text)
        if let descriptor { Syscalls().close(descriptor) }
      }
      _ = try old.waitForLine(containing: "begun and not finished")
      #expect(throws: SystemError.self) { try slow.send("serving") }
      let client = try RawClient(port: chain.proxyPort)
      try client.send("GET /api/items HTTP/1.1\r\nHost: a\r\nX-Tenant: acme\r\n\r\n")
      let answer = try client.readResponse()
      client.close()

      #expect(messages.first?.hasPrefix("welcome 1 ") == true)
      #expect(messages.last?.hasPrefix("socket admin ") == true && messages.count < 10)
      #expect(answer.status == 200 && old.isRunning)
      try chain.drainUntilShipped()
      #expect(try chain.api().usage()["acme", "requests"] == 1)
    }

    @Test(.timeLimit(.minutes(1)))
    func `a new process drains and ends when the old one has not waited for it`() throws {
      var settings = Settings()
      settings.hasUpgradeSocket = true
      let chain = try Chain(settings)
      try chain.rewriteProxyFile(settings)
      let former = try ImpatientProcess(at: chain.folders.upgradeSocket, staysThere: true)

      let outcome = try chain.run(
        "weir-proxy", ["--upgrade", chain.folders.disk.file("weir-proxy.yaml")], seconds: 50)

      #expect(try former.messages() == ["hello", "serving"])
      #expect(outcome.status == .exited(1), "\(outcome)")
      #expect(outcome.errorOutput.contains("raise its upgrade_timeout_ms"), "\(outcome)")
      // It has let go of everything: the next start is as if it had not been.
      try chain.startProxy()
      try chain.drainUntilShipped()
    }

    @Test(.timeLimit(.minutes(1)))
    func `a new process serves when the old one died before it could say that it drains`() throws {
      var settings = Settings()
      settings.hasUpgradeSocket = true
      let chain = try Chain(settings)
      try chain.rewriteProxyFile(settings)
      let former = try ImpatientProcess(at: chain.folders.upgradeSocket, staysThere: false)

      try chain.beginUpgrade()
      let client = try RawClient(port: chain.proxyPort)
      try client.send("GET /api/items HTTP/1.1\r\nHost: a\r\nX-Tenant: acme\r\n\r\n")
      let answer = try client.readResponse()
      client.close()

      #expect(try former.messages() == ["hello", "serving"])
      #expect(answer.status == 200)
      try chain.drainUntilShipped()
      #expect(try chain.api().usage()["acme", "requests"] == 1)
    }
  }
}

/// Plays the old process of an upgrade up to `serving`, and then closes the connection without a word.
private final class ImpatientProcess: Sendable {
  private let heard = Mutex<[String]>([])
  private let failure = Mutex<String?>(nil)
  private let thread = Mutex<OSThread?>(nil)
  /// Kept open until the test is over.
  private let listening = Mutex<MessageSocket?>(nil)

  /// Listens at `path`; with `staysThere` also after it has closed the connection.
  init(at path: String, staysThere: Bool) throws {
    let listener = try MessageSocket.listen(at: path, syscalls: Syscalls())
    let started = try OSThread(name: "former") { [self] in
      do {
        try talk(listener, path, staysThere)
      } catch {
        failure.withLock { $0 = "\(error)" }
      }
    }
    thread.withLock { $0 = started }
  }

  private func talk(_ listener: MessageSocket, _ path: String, _ staysThere: Bool) throws {
    let peer = try accept(listener)
    try hear(peer)
    try peer.send("welcome 1 0.0.0 \(getpid()) 0")
    try hear(peer)
    if staysThere {
      listening.withLock { $0 = listener }
    } else {
      try Syscalls().unlink(path)
    }
  }

  private func accept(_ listener: MessageSocket) throws -> MessageSocket {
    var peer: MessageSocket?
    try awaitCondition("a process that takes over", withinMilliseconds: 50_000) {
      // Not blocking: fails until somebody is there.
      peer = try? listener.accept(timeoutMilliseconds: 50_000)
      return peer != nil
    }
    return try #require(peer)
  }

  private func hear(_ peer: MessageSocket) throws {
    guard let (text, _) = try peer.receive() else { throw SystemError(.recv, ECONNRESET) }
    heard.withLock { $0.append(String(text.prefix { $0 != " " })) }
  }

  /// The first words of what the new process said, when the talk is over.
  func messages() throws -> [String] {
    let running = thread.withLock { $0.take() }
    running?.join()
    if let failure = failure.withLock({ $0 }) { throw TestSupportError.process(failure) }
    return heard.withLock { $0 }
  }
}
