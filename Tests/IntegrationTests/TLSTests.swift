import Foundation
import Glibc
import HTTPClient
import PlainHTTP
import TestSupport
import Testing
import Usage

extension Integration {
  /// Clients here are Python's ssl module and libcurl: neither shares code with the proxy's use of OpenSSL.
  @Suite("A proxy with TLS") struct TLSTests {
    /// Keeps one connection busy and makes further ones, TLS 1.2 and 1.3 in turn, until a file appears; then says how many
    /// answers it got for each tenant, on how many kept connections, and which certificates it saw in their order.
    private static let client = """
      import os, socket, ssl, sys
      port, authority, stop = int(sys.argv[1]), sys.argv[2], sys.argv[3]
      def connect(version):
          context = ssl.create_default_context(cafile=authority)
          context.minimum_version = context.maximum_version = version
          return context.wrap_socket(
              socket.create_connection(("127.0.0.1", port), 20), server_hostname="a.example")
      def get(stream, tenant):
          stream.sendall(("GET /api/items HTTP/1.1\\r\\nHost: a.example\\r\\nX-Tenant: %s\\r\\n\\r\\n"
                          % tenant).encode())
          answer = b""
          while b"\\r\\n\\r\\n" not in answer:
              piece = stream.recv(65536)
              assert piece, "the connection ended"
              answer += piece
          head, body = answer.split(b"\\r\\n\\r\\n", 1)
          assert head.startswith(b"HTTP/1.1 200 "), head
          length = [int(l.split(b":")[1]) for l in head.lower().split(b"\\r\\n")
                    if l.startswith(b"content-length:")][0]
          while len(body) < length:
              body += stream.recv(65536)
      kept = connect(ssl.TLSVersion.TLSv1_3)
      counts, serials, rounds = {"kept": 0, "twelve": 0, "thirteen": 0}, [], 0
      while not os.path.exists(stop):
          get(kept, "kept")
          counts["kept"] += 1
          tenant, version = (("twelve", ssl.TLSVersion.TLSv1_2), ("thirteen", ssl.TLSVersion.TLSv1_3))[rounds % 2]
          with connect(version) as other:
              get(other, tenant)
              serial = other.getpeercert()["serialNumber"]
          counts[tenant] += 1
          if serial not in serials:
              serials.append(serial)
              print("certificate", serial, flush=True)
          rounds += 1
      print("done", *["%s=%d" % item for item in counts.items()], "serials=%d" % len(serials), flush=True)
      """

    private static func configuration(
      _ authority: TestAuthority, app: UInt16, folders: ChainFolders
    ) -> String {
      """
      instance: edge
      workers: 2
      admin: { address: "127.0.0.1:0" }
      listeners:
        - name: secure
          address: "127.0.0.1:0"
          trusted: ["127.0.0.0/8"]
          tls:
            certificates:
              - { certificate: "\(folders.disk.file("shown.pem"))", key: "\(folders.disk.file("shown.key"))" }
      tenants: { rules: [{ header: { name: X-Tenant } }] }
      upstreams: { app: { addresses: ["127.0.0.1:\(app)"] } }
      routes: [{ name: all, upstream: app }]
      metering: { directory: "\(folders.segments)", active_directory: "\(folders.memory)", interval_seconds: 1 }
      shipping: { spool: "\(folders.spool)" }
      """
    }

    /// Puts a certificate and its key where the configuration looks for them.
    private static func show(_ identity: TestAuthority.Identity, _ folders: ChainFolders) throws {
      for (from, to) in [(identity.certificate, "shown.pem"), (identity.key, "shown.key")] {
        try? FileManager.default.removeItem(atPath: folders.disk.file(to))
        try FileManager.default.copyItem(atPath: from, toPath: folders.disk.file(to))
      }
    }

    @Test(.timeLimit(.minutes(3)))
    func
      `certificates change under load, a broken one changes nothing, and counts are the clients'`()
      throws
    {
      let names = ["DNS:a.example", "IP:127.0.0.1"]
      let authority = try TestAuthority()
      let (old, new) = try (authority.issue("old", names), authority.issue("new", names))
      let folders = try ChainFolders()
      try Self.show(old, folders)
      let portFile = folders.disk.file("app.port")
      let app = try ChildProcess(
        try BuiltProduct.path("SampleApp"), ["--port-file", portFile], outputIn: folders.disk.path)
      let appPort = UInt16(try app.waitForFile(portFile)) ?? 0
      let file = folders.disk.file("weir-proxy.yaml")
      try TextFile.write(Self.configuration(authority, app: appPort, folders: folders), to: file)
      let proxy = try ChildProcess(
        try BuiltProduct.path("weir-proxy"), [file], outputIn: folders.disk.path)
      let serving = try proxy.waitForLine(containing: "] serving", withinMilliseconds: 60_000)
      let listening = try proxy.waitForLine(containing: "] listening")
      let port = LogLine.port(LogLine.value("address", in: listening))
      let adminPort = LogLine.port(LogLine.value("admin", in: serving))
      func metric(_ name: String, label: String = "") throws -> UInt64 {
        let client = try RawClient(port: adminPort)
        defer { client.close() }
        try client.send("GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        return MetricsReading.sum(of: name, label: label, in: try client.readResponse().body)
      }
      let script = folders.disk.file("client.py")
      try TextFile.write(Self.client, to: script)
      let clients = try (1...2).map { number in
        try ChildProcess(
          "/usr/bin/python3",
          [script, "\(port)", authority.certificate, folders.disk.file("stop")],
          outputIn: folders.disk.path, name: "client\(number)")
      }
      for client in clients { _ = try client.waitForLine(containing: "certificate ") }

      try Self.show(new, folders)
      proxy.signal(SIGHUP)
      try proxy.waitUntil("the reload") {
        try metric("weir_configuration_reloads_total", label: "applied") == 1
      }
      for client in clients {
        try client.waitUntil("the new certificate") {
          client.output.matches(of: #/certificate /#).count == 2
        }
      }
      try TextFile.write("no certificate", to: folders.disk.file("shown.pem"))
      proxy.signal(SIGHUP)
      let refusal = try proxy.waitForLine(containing: "shown.pem: no certificate in PEM form")
      try proxy.waitUntil("the refusal") {
        try metric("weir_configuration_reloads_total", label: "refused") == 1
      }
      let answered = try clients.map { client in
        let before = try metric("weir_tls_handshakes_total")
        try client.waitUntil("more handshakes") {
          try metric("weir_tls_handshakes_total") > before + 2
        }
        return client
      }
      let curl = try HTTPClient(
        HTTPClientConfiguration(caFile: authority.certificate))
      for _ in 0..<3 {
        let response = try curl.send(
          HTTPRequest(
            method: "GET", url: "https://127.0.0.1:\(port)/api/items",
            headers: [.init("X-Tenant", "curl")]))
        #expect(response.status == 200)
      }
      // libcurl asks for HTTP/2 by ALPN, and keeps its connection; Python's clients do not.
      let multiplexed = try metric("weir_http2_connections")
      try TextFile.write("", to: folders.disk.file("stop"))
      var expected: [String: UInt64] = ["curl": 3]
      for client in answered {
        let status = try client.waitForExit(withinMilliseconds: 60_000)
        #expect(status == .exited(0), "\(client.errorOutput)")
        #expect(client.output.contains("serials=2"))
        for match in client.output.matches(of: /(kept|twelve|thirteen)=([0-9]+)/) {
          expected[String(match.output.1), default: 0] += UInt64(match.output.2) ?? 0
        }
      }
      let (failed, difference) = try (
        metric("weir_tls_handshakes_total", label: "failed"), metric("weir_conservation_difference")
      )
      proxy.terminate()
      #expect(try proxy.waitForExit(withinMilliseconds: 60_000) == .exited(0))

      var counted: [String: UInt64] = [:]
      for row in try SpoolFolderReading(path: folders.spool).batches(.pending).flatMap(\.rows) {
        counted[row.tenant.description, default: 0] += row[.endedCompleted]
      }
      #expect(counted == expected)
      #expect(multiplexed == 1)
      #expect(failed == 0 && difference == 0)
      #expect(refusal.contains("error"))
    }
  }
}
