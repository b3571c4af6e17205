import PlainHTTP
import TestSupport
import Testing

@Suite("What tests stand on")
struct TestSupportTests {
  @Test func `a scripted upstream answers and keeps what it received`() throws {
    let upstream = try ScriptedUpstream([
      .readHead, .readBody, .send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), .startOver,
    ])
    let client = try RawClient(port: upstream.port)

    try client.send("POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
    let first = try client.readResponse(method: "POST")
    try client.send("GET /b HTTP/1.1\r\n\r\n")
    let second = try client.readResponse()
    client.close()
    try upstream.waitForFinished(1)

    #expect(first.status == 200 && first.body == Array("ok".utf8))
    #expect(first.bytes == 40 && second.bytes == 40)
    #expect(upstream.receivedText().contains("chunked\r\n\r\nabcGET /b"))
    #expect(upstream.faults.isEmpty)
  }

  @Test func `a gate holds an upstream until the test opens it`() throws {
    let gate = Gate()
    let upstream = try ScriptedUpstream([.readHead, .wait(gate), .send("late"), .reset])
    let client = try RawClient(port: upstream.port)

    try client.send("GET / HTTP/1.1\r\n\r\n")
    #expect(!client.socket.isReadable(withinMilliseconds: 50))
    gate.pass()

    #expect(try client.readBytes(4) == Array("late".utf8))
  }

  @Test func `a head that comes byte by byte is one head`() throws {
    let upstream = try ScriptedUpstream([.readHead, .send("done")])
    let client = try RawClient(port: upstream.port)

    for byte in "GET / HTTP/1.1\r\nA: b\r\n\r\n".utf8 { try client.send([byte]) }

    #expect(try client.readToEnd() == Array("done".utf8))
    #expect(upstream.receivedText() == "GET / HTTP/1.1\r\nA: b\r\n\r\n")
  }

  @Test func `a process is started, read, ended and reaped`() throws {
    let directory = try TemporaryDirectory()
    let process = try ChildProcess(
      "/bin/sh", ["-c", "echo ready $NAME; echo oops >&2; exec sleep 60"],
      environment: ["NAME": "child"], outputIn: directory.path)

    #expect(try process.waitForLine(containing: "ready") == "ready child")
    #expect(try process.waitForLine(containing: "oops") == "oops")
    process.terminate()

    #expect(try process.waitForExit() == .signalled(15))
    #expect(!process.isRunning)
  }

  @Test func `waiting for a process that has ended says so at once`() throws {
    let directory = try TemporaryDirectory()
    let process = try ChildProcess("/bin/sh", ["-c", "exit 3"], outputIn: directory.path)

    #expect(throws: TestSupportError.self) { try process.waitForLine(containing: "never") }
    #expect(try process.waitForExit() == .exited(3))
  }

  @Test func `a directory goes with its last reference`() throws {
    var directory: TemporaryDirectory? = try TemporaryDirectory()
    let file = try #require(directory?.file("x"))
    try TextFile.write("content", to: file)
    #expect(TextFile.read(file) == Array("content".utf8))

    directory = nil

    #expect(TextFile.read(file) == nil)
  }

  @Test func `one seed is one sequence`() {
    let seed = TestSeed(42)
    var first = seed.generator
    var second = seed.generator

    #expect((0..<100).map { _ in first.next() } == (0..<100).map { _ in second.next() })
    #expect(seed.description == "WEIR_SEED=42")
    // The first output of SplitMix64 for seed 0, from its authors' reference program.
    var zero = SplitMix64(seed: 0)
    #expect(zero.next() == 0xE220_A839_7B1D_CDAF)
  }

  @Test func `the sample app serves and writes its ledger when asked to end`() throws {
    let directory = try TemporaryDirectory()
    let app = try ChildProcess(
      try BuiltProduct.path("SampleApp"),
      ["--port-file", directory.file("port"), "--ledger", directory.file("ledger.json")],
      outputIn: directory.path)
    let port = try #require(UInt16(try app.waitForFile(directory.file("port"))))
    let client = try RawClient(port: port)

    try client.send(
      "GET /stream/3/5/1 HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nX-Weir-Tenant: acme\r\n\r\n")
    let answer = try client.readResponse()
    app.terminate()

    #expect(answer.body.count == 15)
    let timing = try #require(answer.trailers.first { $0.name == "server-timing" }?.value)
    #expect(try app.waitForExit() == .exited(0))
    let ledger = try #require(TextFile.read(directory.file("ledger.json")))
    let text = String(decoding: ledger, as: UTF8.self)
    let microseconds = try #require(UInt64(timing.filter(\.isNumber)))
    #expect(text.contains("\"acme\": {\"requests\": 1,"))
    #expect(text.contains("\"cpu_us\": \(microseconds)"), "\(timing)")
  }
}
