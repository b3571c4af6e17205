import HTTPClient
import PlainHTTP
import TestSupport
import Testing

/// Against a real TLS server with a certificate of its own making.
struct TrustTests {
  @Test func `a certificate that nobody vouches for is refused, one of the CA file is taken`()
    throws
  {
    let directory = try TemporaryDirectory()
    let (key, certificate) = (directory.file("key.pem"), directory.file("cert.pem"))
    let request = try ChildProcess(
      "/usr/bin/openssl",
      [
        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
        "-keyout", key, "-out", certificate, "-days", "1", "-subj", "/CN=127.0.0.1", "-addext",
        "subjectAltName=IP:127.0.0.1",
      ], outputIn: directory.path)
    #expect(try request.waitForExit() == .exited(0))
    let server = try ChildProcess(
      "/usr/bin/openssl",
      ["s_server", "-accept", "127.0.0.1:0", "-key", key, "-cert", certificate, "-www"],
      outputIn: directory.path)
    let port = try awaitValue("the server's port") {
      server.output.split(separator: "ACCEPT 127.0.0.1:").dropFirst().first
        .flatMap { Int($0.prefix { $0.isNumber }) }
    }
    let url = "https://127.0.0.1:\(port)/"

    let error = #expect(throws: HTTPClientError.self) {
      try HTTPClient().send(HTTPRequest(url: url))
    }
    let response = try HTTPClient(.init(caFile: certificate)).send(HTTPRequest(url: url))

    guard case .notTrusted = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(error?.mayRetry == false)
    #expect(response.status == 200)
    server.kill()
  }
}
