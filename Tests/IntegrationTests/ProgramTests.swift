import PlainHTTP
import TestSupport
import Testing

extension Integration {
  @Suite("Programs and their exit codes") struct ProgramTests {
    private static let badConfiguration = """
      instance: edge 1
      colour: red
      workers: many
      admin: { address: here }
      listeners:
        - { name: main, address: "0.0.0.0" }
      tenants:
        rules:
          - { header: { name: X-Tenant }, host: "{tenant}.a" }
      upstreams:
        app: { addresses: ["localhost"] }
      routes:
        - { name: "a b", path: /a, upstream: app }
      log: { level: loud }
      """

    @Test func `a check names every fault of a configuration`() throws {
      let directory = try TemporaryDirectory()
      let file = directory.file("bad.yaml")
      try TextFile.write(Self.badConfiguration, to: file)

      let ended = try Self.run("weir-proxy", ["--check", file], in: directory)

      #expect(ended.status == .exited(1), "\(ended)")
      for place in [
        "unknown key \"colour\"", "workers: ", "admin.address: ", "listeners[0].address: ",
        "tenants.rules[0]: ", "upstreams.app.addresses[0]: ", "routes[0].name: ",
      ] {
        #expect(ended.errors.contains(place), "\(place) in \(ended.errors)")
      }
      #expect(ended.output.isEmpty)
    }

    @Test func `a check finds what is well written and cannot work`() throws {
      let directory = try TemporaryDirectory()
      let file = directory.file("bad.yaml")
      try TextFile.write(
        """
        listeners: [{ name: main, address: "127.0.0.1:0" }]
        tenants: { rules: [{ header: { name: X-Tenant } }] }
        upstreams: { app: { addresses: ["127.0.0.1:1"] } }
        routes: [{ name: a, path: /, upstream: other }]
        metering: { interval_seconds: 7 }
        log: { level: loud }
        """, to: file)

      let ended = try Self.run("weir-proxy", ["--check", file], in: directory)

      #expect(ended.status == .exited(1), "\(ended)")
      for word in ["other", "interval", "log.level"] {
        #expect(ended.errors.contains(word), "\(word) in \(ended.errors)")
      }
    }

    @Test(arguments: ["weir-proxy", "weir"])
    func `the example of the repository is good`(_ program: String) throws {
      let directory = try TemporaryDirectory()
      let arguments =
        program == "weir"
        ? ["allocator", "--config", Repository.path("config/allocator.example.yaml"), "--check"]
        : ["--check", Repository.path("config/weir-proxy.example.yaml")]
      let ended = try Self.run(program, arguments, in: directory)
      #expect(ended.status == .exited(0), "\(ended)")
      #expect(ended.output.hasSuffix(": ok\n"))
    }

    @Test(
      arguments: [
        ("weir-proxy", ["/nonexistent.yaml"], 1), ("weir-proxy", [], 64),
        ("weir-proxy", ["--colour"], 64), ("weir", ["nonsense"], 2), ("weir", ["usage"], 2),
        ("weir", ["status", "--server", "http://127.0.0.1:1", "--token-file", "/etc/hostname"], 3),
        ("weir", ["ledger", "verify", "--store", "/nonexistent.sqlite"], 1),
      ] as [(String, [String], Int32)])
    func `exit codes tell what went wrong`(
      _ program: String, _ arguments: [String], _ code: Int32
    ) throws {
      let directory = try TemporaryDirectory()
      let ended = try Self.run(program, arguments, in: directory)
      #expect(ended.status == .exited(code), "\(ended)")
      #expect(!ended.errors.isEmpty)
    }

    @Test func `a second proxy on the same folders does not start`() throws {
      let chain = try Chain()
      try chain.startProxy()
      let file = chain.folders.disk.file("weir-proxy.yaml")

      let second = try chain.run("weir-proxy", [file], seconds: 20)

      #expect(second.status == .exited(1), "\(second)")
      #expect(second.errorOutput.contains("spool"), "\(second)")
      #expect(chain.proxy?.isRunning == true)
    }

    /// How a program ended.
    private struct Ended {
      let status: TestSupport.ExitStatus
      let output: String
      let errors: String
    }

    private static func run(
      _ program: String, _ arguments: [String], in directory: TemporaryDirectory
    ) throws -> Ended {
      let process = try ChildProcess(
        try BuiltProduct.path(program), arguments, outputIn: directory.path)
      let status = try process.waitForExit(withinMilliseconds: 30_000)
      return Ended(status: status, output: process.output, errors: process.errorOutput)
    }
  }
}
