import PlainHTTP
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
  }
}
