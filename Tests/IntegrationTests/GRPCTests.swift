import Foundation
import Glibc
import TestSupport
import Testing
import Usage

extension Integration {
  /// Client and server are grpcio, which shares no code with the proxy's HTTP/2.
  @Suite("gRPC through the proxy") struct GRPCTests {
    static func script(_ name: String) -> String {
      URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Interop/\(name)").path
    }

    private static func python(
      _ name: String, _ arguments: [String], in folder: String
    ) throws -> ChildProcess {
      try ChildProcess(
        "/usr/bin/python3", [script(name)] + arguments, outputIn: folder, name: name)
    }

    /// Starts a server and returns its port.
    private static func serve(
      _ arguments: [String], in folder: String
    ) throws -> (ChildProcess, UInt16) {
      let app = try python("grpc_app.py", arguments, in: folder)
      try app.waitUntil("its port") { app.output.contains("\n") }
      return (app, UInt16(app.output.trimmingCharacters(in: .whitespacesAndNewlines)) ?? 0)
    }

    @Test(.timeLimit(.minutes(3)), arguments: [false, true])
    func `calls of every kind come through, and counts are what the clients saw`(
      overTLS: Bool
    ) throws {
      let folder = try TemporaryDirectory()
      let authority = try TestAuthority()
      let identity = try authority.issue("edge", ["DNS:localhost", "IP:127.0.0.1"])
      let files = overTLS ? [identity.certificate, identity.key] : []
      let (app, appPort) = try Self.serve(files, in: folder.path)
      defer { app.kill() }
      let certificate = "{ certificate: \"\(identity.certificate)\", key: \"\(identity.key)\" }"
      let lone = try LoneProxy(
        upstreams: [appPort],
        listener: overTLS ? ", tls: { certificates: [\(certificate)] }" : ", http2: true",
        upstream: ", http2: true, hints: { orca_cpu: [cpu_ms] }"
          + ", health: { kind: grpc, interval_ms: 100 }"
          + (overTLS
            ? ", tls: { ca: \"\(authority.certificate)\", server_name: localhost }" : ""))
      let proxy = try lone.start()
      try proxy.waitUntil("a good check") {
        try lone.metric("weir_upstream_health_checks_total", label: "good") > 0
      }

      let calls = try Self.python(
        "grpc_calls.py",
        ["\(overTLS ? "localhost" : "127.0.0.1"):\(lone.port)"]
          + (overTLS ? [authority.certificate] : []), in: folder.path)
      let status = try calls.waitForExit(withinMilliseconds: 150_000)
      try #require(status == .exited(0), "\(calls.errorOutput)\n\(calls.output)")
      let connections = try lone.metric("weir_upstream_connections")
      proxy.terminate()
      #expect(try proxy.waitForExit(withinMilliseconds: 60_000) == .exited(0))

      let seen = try JSONDecoder().decode(
        [String: [String: UInt64]].self, from: Data(calls.output.utf8))
      var counted: [String: [String: UInt64]] = [:]
      for row in try lone.spooledBatches().flatMap(\.rows) {
        for quantity in Quantity.allCases where row[quantity] > 0 {
          counted[row.tenant.description, default: [:]][quantity.name, default: 0] += row[quantity]
        }
      }
      #expect(seen.count == 9)
      for (tenant, counts) in seen {
        for (name, count) in counts where !name.hasPrefix("grpc_") {
          #expect(counted[tenant]?[name] ?? 0 == count, "\(tenant) \(name)")
        }
        let classes = Self.classes(of: counts)
        for name in ["grpc_ok", "grpc_client_errors", "grpc_server_errors"] {
          // Of what became of calls that were given up a client knows less than the proxy: a deadline passes at the
          // server too, whose status may come before the client's reset.
          if tenant == "deadline" || tenant == "cancel" { continue }
          #expect(counted[tenant]?[name] ?? 0 == classes[name] ?? 0, "\(tenant) \(name)")
        }
        let ends = Quantity.ended.reduce(0) { $0 + (counted[tenant]?[$1.name] ?? 0) }
        #expect(ends == counts["requests"], "\(tenant)")
      }
      #expect(counted["cancel"]?["ended_client_abort"] == 5)
      #expect(counted["cancel"]?.keys.contains { $0.hasPrefix("grpc_") } == false)
      #expect(counted["deadline"]?["grpc_ok"] == 1)
      #expect(
        counted["fail"]?["grpc_client_errors"] == 5 && counted["fail"]?["grpc_server_errors"] == 2)
      #expect(counted["large"]?["ended_completed"] == 2)
      // Of 350 calls and some checks.
      #expect(connections <= 2)
    }

    /// What a client's count of statuses comes to in the classes of the meter.
    private static func classes(of counts: [String: UInt64]) -> [String: UInt64] {
      let clientErrors: Set = [1, 3, 5, 6, 7, 8, 9, 10, 11, 16]
      var classes: [String: UInt64] = [:]
      for (name, count) in counts where name.hasPrefix("grpc_") {
        guard let code = Int(name.dropFirst("grpc_".count)) else { continue }
        let name =
          code == 0
          ? "grpc_ok" : clientErrors.contains(code) ? "grpc_client_errors" : "grpc_server_errors"
        classes[name, default: 0] += count
      }
      return classes
    }

    @Test(.timeLimit(.minutes(2)))
    func `a service that says it does not serve is taken out`() throws {
      let folder = try TemporaryDirectory()
      let (app, appPort) = try Self.serve([], in: folder.path)
      defer { app.kill() }
      let lone = try LoneProxy(
        upstreams: [appPort],
        upstream: ", http2: true, health: { kind: grpc, service: sick, interval_ms: 50, fall: 2 }")
      let proxy = try lone.start()

      let line = try proxy.waitForLine(containing: "the service is not serving")
      proxy.terminate()
      #expect(try proxy.waitForExit(withinMilliseconds: 60_000) == .exited(0))
      #expect(line.contains("app"))
    }
  }
}
