/// What differs between the chains of the tests; the rest of both files is the same everywhere.
struct Settings {
  /// The proxy's name in its batches.
  var instance = "edge-1"
  /// Worker threads of the proxy.
  var workers = 2
  /// Length of an interval in seconds.
  var intervalSeconds = 1
  /// How long a drain may take.
  var drainMilliseconds = 10_000
  /// Proxies that the allocator expects.
  var expected: [String] = []
  /// Silence after which the allocator reports a proxy.
  var silenceSeconds = 120
  /// The name of the route for `/api`.
  var apiRoute = "api"
  /// Idle connections that the proxy keeps: a change gives the upstream a new pool.
  var idleConnectionsMax: UInt64 = 128
  /// Whether another proxy may take over from this one.
  var hasUpgradeSocket = false
  /// How long it waits for that one.
  var upgradeTimeoutMilliseconds = 60_000
  /// The tenant register.
  var registerFile: String?
  /// People whom a close needs.
  var people = 1
  /// Whether the programs ignore SIGXFSZ, for tests that lower the limit of file sizes.
  var ignoresFileSizeSignal = false

  /// The proxy's file.
  func proxyFile(upstream: UInt16, allocator: UInt16, folders: ChainFolders) -> String {
    """
    instance: \(instance)
    workers: \(workers)
    \(hasUpgradeSocket ? "upgrade_socket: \"\(folders.upgradeSocket)\"" : "")
    upgrade_timeout_ms: \(upgradeTimeoutMilliseconds)
    admin: { address: "127.0.0.1:0" }
    listeners:
      - { name: main, address: "127.0.0.1:0", trusted: ["127.0.0.0/8"] }
    tenants:
      header: X-Weir-Tenant
      \(registerFile.map { "register: \"\($0)\"" } ?? "")
      rules:
        - header: { name: X-Tenant }
        - host: "{tenant}.demo.localhost"
    upstreams:
      app:
        addresses: ["127.0.0.1:\(upstream)"]
        idle_connections_max: \(idleConnectionsMax)
        hints: { server_timing_cpu: [cpu] }
    routes:
      - { name: \(apiRoute), path: /api, upstream: app }
      - { name: download, path: /download, upstream: app }
      - { name: upload, path: /upload, upstream: app }
      - { name: live, path: /ws, upstream: app, upgrades: [websocket, echo] }
      - { name: rest, path: /, upstream: app }
    timeouts: { drain_ms: \(drainMilliseconds) }
    metering:
      directory: "\(folders.segments)"
      active_directory: "\(folders.memory)"
      interval_seconds: \(intervalSeconds)
    shipping:
      url: "http://127.0.0.1:\(allocator)"
      token_file: "\(folders.token(.ingest))"
      spool: "\(folders.spool)"
      retry_max_ms: 400
    """
  }

  /// The allocator's file.
  func allocatorFile(folders: ChainFolders) -> String {
    """
    listen: 127.0.0.1:0
    admin: 127.0.0.1:0
    store: \(folders.store)
    proxies:
      expected: [\(expected.joined(separator: ", "))]
      silence_seconds: \(silenceSeconds)
    approvals:
      people: \(people)
    """
  }
}
