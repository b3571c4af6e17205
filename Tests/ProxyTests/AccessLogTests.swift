import Foundation
import Glibc
import PlainHTTP
import Platform
import TestSupport
import Testing
import Usage

@testable import Proxy

@Suite struct AccessLogTests {
  static let request = "GET / HTTP/1.1\r\nHost: h\r\nX-Tenant: acme\r\n\r\n"

  /// A rig that logs to `log` in a directory of its own.
  static func rig(
    _ origin: Origin, _ directory: TemporaryDirectory, syscalls: Syscalls = Syscalls(),
    log change: @escaping (inout AccessLogConfiguration) -> Void = { _ in },
    proxy more: (inout ProxyConfiguration) -> Void = { _ in }
  ) throws -> ProxyRig {
    try ProxyRig(origin, syscalls: syscalls) {
      var log = AccessLogConfiguration(file: directory.file("log"))
      change(&log)
      $0.accessLog = log
      more(&$0)
    }
  }

  @Test func `the writer of the log is no worker to the watchdog`() throws {
    let directory = try TemporaryDirectory()
    let rig = try Self.rig(try Origin.answering(ok()), directory)
    let watchdog = WorkerWatchdog(rig.server, limitSeconds: 1, clock: .system)

    // The first look asks each worker that has not turned for a turn.
    let findings = watchdog.look() + watchdog.look()
    _ = try rig.finish()

    #expect(findings == [])
    #expect(watchdog.stuckCount == 0)
  }

  /// Sends one request on a connection of its own; what the log says about it.
  static func line(
    _ request: String, log: @escaping (inout AccessLogConfiguration) -> Void = { _ in },
    proxy more: (inout ProxyConfiguration) -> Void = { _ in }
  ) throws -> (lines: LogLines, response: RawClient.Response, usage: Measured) {
    let directory = try TemporaryDirectory()
    let rig = try rig(try Origin.answering(ok("hello")), directory, log: log, proxy: more)
    let client = try rig.client()
    try client.send(request)
    let response = try client.readResponse()
    client.close()
    try rig.awaitIdle()
    let usage = try rig.finish()
    return (try LogLines(path: directory.file("log")), response, usage)
  }

  @Test func `a request without a connection for want of our own says so, and names no address`()
    throws
  {
    let directory = try TemporaryDirectory()
    let faults = SyscallFaults()
    let rig = try Self.rig(
      try Origin.answering(ok()), directory, syscalls: Syscalls(faults: faults))
    let client = try rig.client()
    try rig.waitFor(.downstreamConnections) { $0 == 1 }

    faults.failAll(.socket, with: EMFILE)
    try client.send(Self.request)
    #expect(try client.readResponse().status == 503)
    client.close()
    _ = try rig.finish()
    let line = try #require(try LogLines(path: directory.file("log")).objects.first)

    #expect(line["code"] as? String == "connection_resources_exhausted")
    #expect(line["end"] as? String == "upstream_failure")
    #expect((line["status"] as? NSNumber)?.intValue == 503)
    #expect((line["attempts"] as? NSNumber)?.intValue == 1)
    #expect(line["upstream"] == nil)
  }

  @Test func `a line says who asked for what, what became of it and what it took`() throws {
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    let (lines, response, usage) = try Self.line(
      "GET /a/b?token=secret HTTP/1.1\r\nHost: h\r\nX-Tenant: acme\r\nX-Request-Id: id-1\r\n"
        + "Authorization: Bearer secret\r\nCookie: secret\r\n"
        + "traceparent: 00-\(trace)-00f067aa0ba902b7-01\r\n\r\n")
    let line = try #require(lines.objects.first)
    func number(_ key: String) -> UInt64? { (line[key] as? NSNumber)?.uint64Value }
    func text(_ key: String) -> String? { line[key] as? String }

    #expect(lines.objects.count == 1)
    #expect(text("request_id") == "id-1")
    #expect(text("trace_id") == trace)
    #expect(text("listener") == "public")
    #expect(text("client") == "127.0.0.1")
    #expect(text("tenant") == "acme")
    #expect(text("route") == "api")
    #expect(text("method") == "GET")
    #expect(text("path") == "/a/b")
    #expect(text("end") == "completed")
    #expect(text("code") == nil)
    #expect(try #require(text("upstream")).hasPrefix("127.0.0.1:"))
    #expect(number("status") == 200)
    #expect(number("attempts") == 1)
    #expect(number("response_bytes") == response.bytes)
    #expect(number("response_body_bytes") == 5)
    #expect(number("duration_us") == usage["acme/api", .durationMicroseconds])
    #expect(number("upstream_cpu_us") == nil)
    #expect(
      try #require(text("time")).wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/) != nil)
    #expect(!lines.texts[0].contains("secret"))
  }

  @Test func `an answer of Weir's own has its code and no upstream`() throws {
    let (lines, _, _) = try Self.line(Self.request, proxy: { $0.routes[0].host = "other" })
    let line = try #require(lines.objects.first)

    #expect(line["code"] as? String == "no_route")
    #expect(line["route"] as? String == "~none")
    #expect(line["end"] as? String == "rejected")
    #expect(line["upstream"] == nil && line["upstream_us"] == nil)
  }

  @Test func `the query is logged where the configuration says so`() throws {
    let (lines, _, _) = try Self.line(
      "GET /a?b=\"c\\ HTTP/1.1\r\nHost: h\r\n\r\n", log: { $0.keepsQuery = true })

    #expect(lines.objects.first?["path"] as? String == "/a?b=\"c\\")
    #expect(lines.objects.first?["tenant"] as? String == "~unattributed")
  }

  @Test func `a long path is cut and marked`() throws {
    let (lines, _, _) = try Self.line(
      "GET /\(String(repeating: "a", count: 4_000)) HTTP/1.1\r\nHost: h\r\n\r\n",
      log: { $0.pathBytesMax = 64 })

    #expect(lines.objects.first?["path"] as? String == "/\(String(repeating: "a", count: 63))…")
  }

  @Test func `a line of the longest parts fits`() throws {
    let id = String(repeating: "i", count: 64)
    let tenant = String(repeating: "t", count: 128)
    let (lines, response, _) = try Self.line(
      "\(String(repeating: "M", count: 300)) /\(String(repeating: "\"", count: 5_000)) HTTP/1.1\r\n"
        + "Host: h\r\nX-Tenant: \(tenant)\r\nX-Request-Id: \(id)\r\n\r\n",
      log: { $0.pathBytesMax = 4_096 })

    #expect(response.status == 200)
    #expect(lines.objects.first?["tenant"] as? String == tenant)
    #expect(lines.objects.first?["method"] as? String == String(repeating: "M", count: 32))
    #expect(
      lines.objects.first?["path"] as? String == "/\(String(repeating: "\"", count: 4_095))…")
  }

  @Test func `without a sample only what is always logged comes`() throws {
    let directory = try TemporaryDirectory()
    let rig = try Self.rig(
      try Origin.answering { head, _ in
        head.start[1] == "/bad" ? "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n" : ok()
      }, directory,
      log: {
        $0.sample = 0
        $0.always = [.status5xx, .own]
      })
    let client = try rig.client()

    for path in ["/", "/bad", "/", "/bad"] {
      try client.send("GET \(path) HTTP/1.1\r\nHost: h\r\n\r\n")
      _ = try client.readResponse()
    }
    try client.send("GET / HTTP/7.7\r\n\r\n")
    #expect(try client.readResponse().status == 505)
    client.close()
    try rig.awaitIdle()
    _ = try rig.finish()
    let lines = try LogLines(path: directory.file("log"))

    #expect(lines.objects.map { ($0["status"] as? NSNumber)?.intValue } == [500, 500, 505])
    #expect(lines.objects.last?["method"] == nil)
    #expect(rig.counter(.accessLogLines) == 3)
  }

  @Test func `a sample is about its share`() throws {
    let directory = try TemporaryDirectory()
    let rig = try Self.rig(try Origin.answering(ok()), directory, log: { $0.sample = 0.25 })
    let client = try rig.client()

    for _ in 0..<400 {
      try client.send(Self.request)
      _ = try client.readResponse()
    }
    client.close()
    try rig.awaitIdle()
    _ = try rig.finish()
    let count = try LogLines(path: directory.file("log")).objects.count

    // 100 on average with a standard deviation below 9.
    #expect((30...180).contains(count))
    #expect(rig.counter(.accessLogLines) == UInt64(count))
  }

  @Test func `a listener may be left out`() throws {
    let (lines, _, _) = try Self.line(
      Self.request, proxy: { $0.listeners[0].writesAccessLog = false })

    #expect(lines.objects.isEmpty)
  }

  @Test func `the log's sums are the meter's, whatever clients and upstreams do`() throws {
    let directory = try TemporaryDirectory()
    let big = String(repeating: "x", count: 3 << 20)
    let rig = try Self.rig(
      try Origin { connection in
        while let head = try connection.head() {
          switch head.start[1] {
          case "/cut":
            try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")
            return
          case "/close": return
          case "/tunnel":
            try connection.send(
              "HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello")
            _ = try connection.drain()
            return
          case "/chunks":
            _ = try connection.body(head)
            try connection.send(
              "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nServer-Timing: cpu;dur=1\r\n\r\n"
                + "5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n")
          case "/big": try connection.send(ok(big))
          default:
            _ = try connection.body(head)
            try connection.send(ok())
          }
        }
      }, directory, proxy: { $0.upstreams[0].hints.cpuMetrics = ["cpu"] })
    let seed = TestSeed()
    let paths = ["/", "/cut", "/close", "/tunnel", "/chunks", "/big", "/gone", "/bad"]
    for index in 0..<80 {
      var random = seed.generator(case: index)
      let path = paths[index % paths.count]
      let tenant = Bool.random(using: &random) ? "acme" : "other"
      let start = "\(path) HTTP/1.1\r\nHost: h\r\nX-Tenant: \(tenant)\r\n"
      let client = try rig.client()
      switch path {
      case "/tunnel":
        try client.send("GET \(start)Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        _ = try client.readHead()
        try client.send("and back")
        client.shutdownSending()
        _ = try client.readToEnd()
      case "/big":
        try client.send("GET \(start)\r\n")
        _ = try client.readBytes(Int.random(in: 1...(1 << 20), using: &random))
        client.reset()
      case "/gone":
        try client.send("PUT \(start)Content-Length: 9\r\n\r\nabc")
        client.reset()
      case "/bad":
        try client.send("GET \(start)Content-Length: x\r\n\r\n")
        _ = try client.readToEnd()
      case "/chunks":
        try client.send("PUT \(start)Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
        _ = try client.readResponse()
      default:
        try client.send("POST \(start)Content-Length: 3\r\n\r\nabc")
        _ = try? client.readResponse()
      }
      client.close()
    }
    try rig.awaitIdle()
    let usage = try rig.finish()
    let lines = try LogLines(path: directory.file("log"))

    // A connection that was reset may take its whole request with it before it was read.
    #expect(UInt64(lines.objects.count) == usage[.requests], "\(seed)")
    #expect(usage[.requests] >= 70, "\(seed)")
    #expect(rig.counter(.accessLogDropped) == 0)
    for key in usage.keys {
      for quantity in [
        Quantity.requestBytes, .responseBytes, .requestBodyBytes, .responseBodyBytes,
        .durationMicroseconds, .attempts, .upstreamRequestBytes, .upstreamResponseBytes,
        .upstreamMicroseconds, .upstreamCPUMicroseconds,
      ] {
        #expect(
          lines.sum(quantity, key) == usage[key, quantity], "\(quantity.name) of \(key), \(seed)")
      }
      for end in Quantity.ended {
        #expect(lines.count(end, key) == usage[key, end], "\(end.name) of \(key), \(seed)")
      }
    }
  }

  @Test func `a renamed file is followed by a new one`() throws {
    let directory = try TemporaryDirectory()
    let rig = try Self.rig(try Origin.answering(ok()), directory)
    let client = try rig.client()
    let (path, old) = (directory.file("log"), directory.file("log.1"))

    try client.send(Self.request)
    _ = try client.readResponse()
    try awaitCondition("the first line") { try LogLines(path: path).objects.count == 1 }
    #expect(unsafe rename(path, old) == 0)
    rig.server.reopenAccessLog()
    try awaitCondition("the new file") { FileManager.default.fileExists(atPath: path) }
    try client.send(Self.request)
    _ = try client.readResponse()
    client.close()
    try rig.awaitIdle()
    _ = try rig.finish()

    #expect(try LogLines(path: path).objects.count == 1)
    #expect(try LogLines(path: old).objects.count == 1)
  }

  @Test func `a new file that cannot be opened leaves the old one in use, and is counted`() throws {
    let directory = try TemporaryDirectory()
    let (folder, moved) = (directory.file("here"), directory.file("there"))
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
    let rig = try Self.rig(try Origin.answering(ok()), directory) { $0.file = folder + "/log" }
    let client = try rig.client()

    #expect(unsafe rename(folder, moved) == 0)
    rig.server.reopenAccessLog()
    try rig.waitFor(.accessLogFailures) { $0 == 1 }
    try client.send(Self.request)
    _ = try client.readResponse()
    client.close()
    try rig.awaitIdle()
    _ = try rig.finish()

    #expect(rig.counter(.accessLogFailures) == 1)
    #expect(try LogLines(path: moved + "/log").objects.count == 1)
  }

  @Test func `a log that nobody reads holds up no request, and says what it dropped`() throws {
    let directory = try TemporaryDirectory()
    let path = directory.file("log")
    #expect(unsafe mkfifo(path, 0o600) == 0)
    let pipe = unsafe open(path, O_RDONLY | O_NONBLOCK)
    let rig = try Self.rig(try Origin.answering(ok()), directory, log: { $0.ringBytes = 65_536 })
    let client = try rig.client()
    let count = 3_000

    for _ in 0..<count {
      try client.send(Self.request)
      #expect(try client.readResponse().status == 200)
    }
    client.close()
    try rig.awaitIdle()
    #expect(rig.counter(.accessLogDropped) > 0)
    let content = try Self.read(pipe) { _ = try rig.finish() }
    let lines = try LogLines(content: content)

    #expect(lines.dropped == rig.counter(.accessLogDropped))
    #expect(UInt64(lines.exchanges.count) == rig.counter(.accessLogLines))
    #expect(lines.exchanges.count + Int(lines.dropped) == count)
  }

  /// Everything that comes through a pipe until its writer is gone, which `end` brings about.
  static func read(_ pipe: Int32, _ end: () throws -> Void) throws -> String {
    let bytes = Collected()
    let reader = try SpawnedThread {
      let data = FileHandle(fileDescriptor: pipe, closeOnDealloc: true)
      _ = fcntl(pipe, F_SETFL, 0)
      bytes.data = data.readDataToEndOfFile()
    }
    try end()
    reader.join()
    return String(decoding: bytes.data, as: UTF8.self)
  }

  private final class Collected: @unchecked Sendable {
    // Written by the reading thread, read after it was joined.
    var data = Data()
  }

  @Test func `a full disk costs lines and nothing else, and the log says so later`() throws {
    let directory = try TemporaryDirectory()
    let faults = SyscallFaults()
    let rig = try Self.rig(
      try Origin.answering(ok()), directory, syscalls: Syscalls(faults: faults))
    let client = try rig.client()

    faults.failAll(.write, with: ENOSPC)
    try client.send(Self.request)
    #expect(try client.readResponse().status == 200)
    try rig.waitFor(.accessLogFailures) { $0 >= 1 }
    faults.recover()
    try client.send(Self.request)
    #expect(try client.readResponse().status == 200)
    client.close()
    try rig.awaitIdle()
    _ = try rig.finish()
    let lines = try LogLines(path: directory.file("log"))

    #expect(lines.exchanges.count == 1)
    #expect(lines.dropped == 1)
    #expect(rig.counter(.accessLogDropped) == 1)
  }

  @Test func `a file that cannot be opened is said before anything is served`() throws {
    let configuration = ProxyRig.configuration(upstream: [1]) {
      $0.accessLog = AccessLogConfiguration(file: "/nowhere/at/all/log")
    }
    let server = try ProxyServer(configuration, processors: 1, syscalls: Syscalls())

    #expect(throws: ProxyError.self) {
      try server.start(clock: .system) { _ in preconditionFailure("no worker is made") }
    }
    #expect(!server.isReady)
  }
}
