import Foundation
import Glibc
import TestSupport
import Testing
import Usage

extension Integration {
  /// Clients of other makers, each with its own TLS and HTTP/2.
  @Suite("Clients of other makers") struct InteropTests {
    private struct Rig {
      let lone: LoneProxy
      let app: ChildProcess
      let proxy: ChildProcess
      let authority: TestAuthority

      init() throws {
        authority = try TestAuthority()
        let identity = try authority.issue("edge", ["DNS:localhost", "IP:127.0.0.1"])
        let folder = try TemporaryDirectory()
        app = try ChildProcess(
          "/usr/bin/python3", [GRPCTests.script("page_app.py")], outputIn: folder.path)
        let (app, text) = (app, { [app] in app.output })
        try app.waitUntil("its port") { text().contains("\n") }
        let certificate = "{ certificate: \"\(identity.certificate)\", key: \"\(identity.key)\" }"
        lone = try LoneProxy(
          upstreams: [UInt16(text().trimmingCharacters(in: .whitespacesAndNewlines)) ?? 0],
          listener: ", tls: { certificates: [\(certificate)] }")
        proxy = try lone.start()
      }

      func run(_ program: String, _ arguments: [String]) throws -> String {
        let process = try ChildProcess(
          program, arguments, outputIn: lone.directory.path,
          name: URL(filePath: program).lastPathComponent)
        let status = try process.waitForExit(withinMilliseconds: 90_000)
        try #require(status == .exited(0), "\(process.errorOutput)\n\(process.output)")
        return process.output
      }

      /// Ends all, and returns what was counted for each tenant.
      func finish() throws -> [String: [Quantity: UInt64]] {
        proxy.terminate()
        #expect(try proxy.waitForExit(withinMilliseconds: 60_000) == .exited(0))
        app.kill()
        var counted: [String: [Quantity: UInt64]] = [:]
        for row in try lone.spooledBatches().flatMap(\.rows) {
          for quantity in Quantity.allCases {
            counted[row.tenant.description, default: [:]][quantity, default: 0] += row[quantity]
          }
        }
        return counted
      }
    }

    @Test(.timeLimit(.minutes(3)))
    func `curl, nghttp and h2load are served, and counted`() throws {
      let rig = try Rig()
      let url = "https://localhost:\(rig.lone.port)/data/3"
      let ways: [(name: String, options: [String], version: String)] = [
        ("curl2", ["--http2"], "2"), ("curl1", ["--http1.1"], "1.1"),
        ("curl12", ["--http2", "--tls-max", "1.2"], "2"),
      ]

      for way in ways {
        let output = try rig.run(
          "/usr/bin/curl",
          way.options + [
            "-sS", "--cacert", rig.authority.certificate, "-H", "X-Tenant: \(way.name)", "-o",
            "/dev/null", "-w", "%{http_version} %{http_code} %{size_download}", url,
          ])
        #expect(output == "\(way.version) 200 3000", "\(way.name)")
      }
      let nghttp = try rig.run(
        "/usr/bin/nghttp", ["-nv", "-m", "10", "-H", "x-tenant: nghttp", url])
      #expect(nghttp.matches(of: #/:status: 200/#).count == 10)
      let load = try rig.run(
        "/usr/bin/h2load", ["-n", "500", "-c", "5", "-m", "20", "-H", "x-tenant: h2load", url])
      #expect(load.contains("500 succeeded, 0 failed, 0 errored, 0 timeout"), "\(load)")
      let counted = try rig.finish()

      let expected: [String: UInt64] = [
        "curl2": 1, "curl1": 1, "curl12": 1, "nghttp": 10, "h2load": 500,
      ]
      for (tenant, count) in expected {
        #expect(counted[tenant]?[.requests] == count, "\(tenant)")
        #expect(counted[tenant]?[.endedCompleted] == count, "\(tenant)")
        #expect(counted[tenant]?[.responseBodyBytes] == 3_000 * count, "\(tenant)")
      }
    }

    @Test(.timeLimit(.minutes(3)))
    func `a browser loads a page with many parts over HTTP 2`() throws {
      let rig = try Rig()
      let page = try rig.run(
        "/usr/bin/chromium",
        [
          "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
          "--disable-background-networking", "--no-first-run", "--ignore-certificate-errors",
          "--user-data-dir=\(rig.lone.directory.file("browser"))",
          "--virtual-time-budget=20000", "--dump-dom",
          "https://localhost:\(rig.lone.port)/",
        ])
      let counted = try rig.finish()

      #expect(page.contains("protocol=h2 total=465000 posted=100000"), "\(page)")
      let row = counted["~unattributed"] ?? [:]
      #expect(row[.requests] == 32)
      #expect(row[.endedCompleted] == 32)
      #expect(row[.requestBodyBytes] == 100_000)
      #expect((row[.responseBodyBytes] ?? 0) > 465_000)
    }
  }
}
