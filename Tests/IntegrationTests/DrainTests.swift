import Accounting
import PlainHTTP
import TestSupport
import Testing

extension Integration {
  @Suite("A proxy that is asked to end") struct DrainTests {
    @Test(.timeLimit(.minutes(1)))
    func `an open download finishes, new connections are refused, the last interval is shipped`()
      throws
    {
      let chain = try Chain()
      try chain.startProxy()
      let proxy = try #require(chain.proxy)
      let client = try RawClient(port: chain.proxyPort)
      try client.send("GET /stream/30/1000/50 HTTP/1.1\r\nHost: a\r\nX-Tenant: acme\r\n\r\n")
      _ = try client.readBytes(500)

      proxy.terminate()
      try awaitCondition("refusals") { !Self.accepts(chain.proxyPort) }
      #expect(proxy.isRunning)
      let rest = try client.readToEnd()
      let status = try proxy.waitForExit()

      let received = 500 + rest.count
      #expect(rest.suffix(7) == Array("\r\n0\r\n\r\n".utf8))
      #expect(received > 30_000)
      #expect(status == .exited(0))
      #expect(try chain.spool.files(.pending) == [])
      let usage = try chain.api().usage()
      #expect(usage["acme", "requests"] == 1)
      #expect(usage["acme", "ended_completed"] == 1)
      #expect(usage["acme", "response_bytes"] == UInt64(received))
      #expect(usage["acme", "response_body_bytes"] == 30_000)
    }

    @Test(.timeLimit(.minutes(1)))
    func `what is still open at the deadline is cut off and counted as drained`() throws {
      let chain = try Chain(Settings(drainMilliseconds: 500))
      try chain.startProxy()
      let client = try RawClient(port: chain.proxyPort)
      try client.send(
        "GET /ws HTTP/1.1\r\nHost: a\r\nX-Tenant: acme\r\nConnection: Upgrade\r\n"
          + "Upgrade: echo\r\n\r\n")
      let head = try #require(try client.readHead())
      try client.send("hello")
      #expect(try client.readBytes(5) == Array("hello".utf8))

      let status = try chain.stopProxy()
      let rest = (try? client.readToEnd()) ?? []

      #expect(head.hasPrefix("HTTP/1.1 101"))
      #expect(status == .exited(0))
      #expect(rest.isEmpty)
      let usage = try chain.api().usage()
      #expect(usage["acme", "ended_drained"] == 1)
      #expect(usage["acme", "requests"] == 1)
      #expect(usage["acme", "response_bytes"] == UInt64(head.utf8.count + 5))
      #expect(usage["acme", "stream_ms"] > 0)
    }

    private static func accepts(_ port: UInt16) -> Bool {
      guard let socket = try? Socket.connect(port: port, timeoutMilliseconds: 1_000) else {
        return false
      }
      socket.close()
      return true
    }
  }
}
