import PlainHTTP
import TestSupport
import Testing

extension Integration {
  @Suite("Upstreams that come and go") struct UpstreamTests {
    private static func configuration(app: UInt16, folders: ChainFolders) -> String {
      """
      instance: edge
      workers: 2
      admin: { address: "127.0.0.1:0" }
      listeners: [{ name: main, address: "127.0.0.1:0", trusted: ["127.0.0.0/8"] }]
      tenants: { rules: [{ header: { name: X-Tenant } }] }
      upstreams:
        app:
          addresses: ["localhost:\(app)"]
          health: { path: /api/items, interval_ms: 50, rise: 1, fall: 1 }
      routes: [{ name: all, upstream: app, retry_idempotent: true, retry_statuses: [502, 503] }]
      metering: { directory: "\(folders.segments)", active_directory: "\(folders.memory)" }
      shipping: { spool: "\(folders.spool)" }
      """
    }

    private static func get(_ path: String, port: UInt16) throws -> RawClient.Response {
      let client = try RawClient(port: port)
      defer { client.close() }
      try client.send("GET \(path) HTTP/1.1\r\nHost: h\r\nX-Tenant: acme\r\n\r\n")
      return try client.readResponse()
    }

    @Test(.timeLimit(.minutes(2)))
    func `a named upstream that dies is noticed, and only requests of clients are counted`() throws
    {
      let folders = try ChainFolders()
      let portFile = folders.disk.file("app.port")
      let app = try ChildProcess(
        try BuiltProduct.path("SampleApp"), ["--port-file", portFile], outputIn: folders.disk.path)
      let port = UInt16(try app.waitForFile(portFile)) ?? 0
      let file = folders.disk.file("weir-proxy.yaml")
      try TextFile.write(Self.configuration(app: port, folders: folders), to: file)
      let proxy = try ChildProcess(
        try BuiltProduct.path("weir-proxy"), [file], outputIn: folders.disk.path)
      let serving = try proxy.waitForLine(containing: "] serving", withinMilliseconds: 60_000)
      let listening = try proxy.waitForLine(containing: "] listening")
      let proxyPort = LogLine.port(LogLine.value("address", in: listening))
      let adminPort = LogLine.port(LogLine.value("admin", in: serving))
      func metrics() throws -> String {
        String(decoding: try Self.get("/metrics", port: adminPort).body, as: UTF8.self)
      }

      _ = try proxy.waitForLine(containing: "a name has new addresses", withinMilliseconds: 30_000)
      let good = try Self.get("/api/items", port: proxyPort)
      try awaitCondition("good checks") {
        try metrics().contains(
          try Regex("weir_upstream_health_checks_total\\{upstream=\"app\",result=\"good\"\\} [1-9]")
        )
      }
      app.kill()
      try app.waitForExit()
      _ = try proxy.waitForLine(containing: "fails its checks", withinMilliseconds: 30_000)
      let bad = try Self.get("/api/items", port: proxyPort)
      let page = try metrics()
      proxy.terminate()
      let status = try proxy.waitForExit(withinMilliseconds: 60_000)

      #expect(good.status == 200)
      #expect(bad.status == 502)
      #expect(page.contains("weir_upstream_healthy_addresses{upstream=\"app\"} 0"))
      #expect(page.contains("weir_upstream_resolutions_total{upstream=\"app\",result=\"good\"}"))
      #expect(page.contains("weir_usage_total{listener=\"main\",quantity=\"requests\"} 2\n"))
      #expect(page.contains("weir_usage_total{listener=\"main\",quantity=\"ended_completed\"} 1\n"))
      #expect(page.contains("weir_conservation_difference 0\n"))
      #expect(status == .exited(0))
    }
  }
}
