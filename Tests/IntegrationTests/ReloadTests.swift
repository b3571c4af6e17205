import Glibc
import PlainHTTP
import TestSupport
import Testing

extension Integration {
  @Suite("A proxy whose configuration changes") struct ReloadTests {
    /// In CI; `WEIR_RELOADS=50` is the whole form.
    private static let rounds = Rounds.number("WEIR_RELOADS", 10)

    @Test(.timeLimit(.minutes(5)))
    func `reloads under load fail no request, and the totals are exact`() throws {
      var settings = Settings()
      let chain = try Chain(settings)
      try chain.startProxy()
      let proxy = try #require(chain.proxy)
      let load = try SteadyLoad(port: chain.proxyPort, clients: 3)

      for round in 1...Self.rounds {
        settings.apiRoute = "api-\(round % 3)"
        settings.idleConnectionsMax = 100 + round
        try chain.rewriteProxyFile(settings)
        proxy.signal(SIGHUP)
        try proxy.waitUntil("reload \(round)") {
          try chain.proxyMetric("weir_configuration_reloads_total", label: "applied") == round
        }
      }
      load.stop()
      #expect(load.failures.isEmpty, "\(load.failures.prefix(3))")
      #expect(load.answered > UInt64(Self.rounds))
      #expect(load.connections == 3)
      #expect(try chain.proxyMetric("weir_conservation_difference") == 0)
      try chain.drainUntilShipped()

      let usage = try chain.api().usage()
      #expect(usage[SteadyLoad.tenant, "requests"] == load.answered)
      #expect(usage[SteadyLoad.tenant, "ended_completed"] == load.answered)
    }

    @Test(.timeLimit(.minutes(1)))
    func `a file with faults changes nothing and each fault is told`() throws {
      var settings = Settings()
      let chain = try Chain(settings)
      try chain.startProxy()
      let proxy = try #require(chain.proxy)

      settings.workers = 7
      settings.apiRoute = "renamed"
      try chain.rewriteProxyFile(settings, appending: "\ncolour: red\n")
      proxy.signal(SIGHUP)
      _ = try proxy.waitForLine(containing: "unknown key \"colour\"")
      try chain.rewriteProxyFile(settings)
      proxy.signal(SIGHUP)
      let line = try proxy.waitForLine(containing: "workers: needs a restart")
      try proxy.waitUntil("both refusals") {
        try chain.proxyMetric("weir_configuration_reloads_total", label: "refused") == 2
      }
      let client = try RawClient(port: chain.proxyPort)
      try client.send("GET /api/items HTTP/1.1\r\nHost: a\r\nX-Tenant: acme\r\n\r\n")
      #expect(try client.readResponse().status == 200)
      client.close()
      try chain.drainUntilShipped()

      #expect(line.contains("error"))
      #expect(try chain.api().usage()["acme", "requests"] == 1)
    }
  }
}
