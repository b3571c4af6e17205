import HTTPCodec
import PlainHTTP
import Platform
import TestSupport
import Testing
import Usage

@testable import Proxy

@Suite struct CostHintTests {
  static func configuration() -> HintConfiguration {
    var configuration = HintConfiguration()
    configuration.cpuMetrics = ["cpu", "App"]
    configuration.unitFields = [.init(field: "X-Tokens", unit: 0), .init(field: "x-rows", unit: 3)]
    configuration.cores = 2
    return configuration
  }

  static func read(_ fields: String, into hints: inout CostHints) throws {
    let parsed = try #require(ParsedResponse("HTTP/1.1 200 OK\r\n\(fields)\r\n"))
    CostHintReader(configuration()).read(
      parsed.head.fields, in: parsed.buffer.readable, into: &hints)
  }

  @Test(arguments: [
    ("cpu;dur=1", 1_000), ("cpu;dur=1.5", 1_500), ("cpu;dur=0", 0), ("cpu;dur=0.0004", 0),
    ("cpu;dur=0.0005", 1), ("CPU;DUR=2", 2_000), ("app;desc=\"a;b\";dur=3", 3_000),
    ("cpu ; dur = 4 ", 4_000), ("cpu;dur=\"5\"", 5_000), ("db;dur=9, cpu;dur=1", 1_000),
    ("cpu;dur=1, app;dur=2", 3_000), ("cpu;dur=1;dur=7", 1_000), ("x, , cpu;dur=1", 1_000),
    ("cpu;dur=18446744073709.551615", 18_446_744_073_709_552),
  ])
  func `CPU time is read from Server-Timing`(value: String, microseconds: UInt64) throws {
    var hints = CostHints()

    try Self.read("Server-Timing: \(value)\r\n", into: &hints)

    #expect(hints.cpuMicroseconds == microseconds)
    #expect(hints.rejected == 0)
  }

  @Test(arguments: [
    ("db;dur=1", 0), ("cpu", 0), ("cpu;desc=x", 0), ("cpux;dur=1", 0), ("", 0), ("cpu;dur=", 1),
    ("cpu;dur=-1", 1), ("cpu;dur=1e3", 1), ("cpu;dur=1.2.3", 1), ("cpu;dur=.", 1),
    ("cpu;dur=nan", 1), ("cpu;dur=99999999999999999999", 1),
    ("cpu;dur=18446744073709.551616", 1), ("cpu;dur=" + String(repeating: "1", count: 41), 1),
  ])
  func `what is no time counts as absent, and as rejected when it was meant`(
    value: String, rejected: UInt64
  ) throws {
    var hints = CostHints()

    try Self.read("Server-Timing: \(value)\r\n", into: &hints)

    #expect(hints.cpuMicroseconds == nil)
    #expect(hints.rejected == rejected)
  }

  @Test func `a list is read up to its bound, a field only within its own`() throws {
    var long = CostHints()
    var many = CostHints()
    let padding = String(repeating: "a;dur=1,", count: 31)

    try Self.read("Server-Timing: \(padding)cpu;dur=1,cpu;dur=5\r\n", into: &many)
    try Self.read(
      "Server-Timing: cpu;dur=1,\(String(repeating: "x", count: 4_096))\r\n", into: &long)

    #expect(many.cpuMicroseconds == 1_000)
    #expect(many.rejected == 1)
    #expect(long.cpuMicroseconds == nil)
    #expect(long.rejected == 1)
  }

  @Test(arguments: [
    ("0", 0), ("1", 1_000_000), ("1.5", 1_500_000), (".5", 500_000), ("5.", 5_000_000),
    ("0.0000019", 1), ("1000000000", 1_000_000_000_000_000), ("007", 7_000_000),
  ])
  func `a unit is read in millionths`(value: String, millionths: UInt64) throws {
    var hints = CostHints()

    try Self.read("x-TOKENS: \(value)\r\n", into: &hints)

    #expect(hints.units[0] == millionths)
    #expect(hints.units[3] == nil)
    #expect(hints.rejected == 0)
  }

  @Test(arguments: ["", "-1", "+1", "1 2", "1,2", "0x1", "1e2", "18446744073709.551616", "x"])
  func `what is no number is rejected and stays absent`(value: String) throws {
    var hints = CostHints()

    try Self.read("X-Tokens: \(value)\r\nX-Rows: 2\r\n", into: &hints)

    #expect(hints.units[0] == nil)
    #expect(hints.units[3] == 2_000_000)
    #expect(hints.rejected == 1)
  }

  @Test func `more units than a request can have are rejected`() throws {
    var hints = CostHints()

    try Self.read("X-Tokens: 1000000000\r\nX-Rows: 1000000000.000001\r\n", into: &hints)

    #expect(hints.units[0] == 1_000_000_000_000_000)
    #expect(hints.units[3] == nil)
    #expect(hints.rejected == 1)
  }

  @Test func `a trailer replaces the head's value of the same name and adds what was absent`()
    throws
  {
    var hints = CostHints()

    try Self.read("Server-Timing: cpu;dur=1\r\nX-Tokens: 1\r\n", into: &hints)
    try Self.read("Server-Timing: cpu;dur=2\r\nX-Rows: 3\r\n", into: &hints)

    #expect(hints.cpuMicroseconds == 2_000)
    #expect(hints.units[0] == 1_000_000)
    #expect(hints.units[3] == 3_000_000)
  }

  @Test func `CPU time above wall time, cores and slack is rejected`() {
    let reader = CostHintReader(Self.configuration())
    // (10,000 + 1,000 of slack) x 2 cores x 1.1
    for (cpu, isPlausible) in [(24_200, true), (24_201, false)] as [(UInt64, Bool)] {
      var hints = CostHints(cpuMicroseconds: cpu)
      let counted = reader.plausibleCPU(&hints, upstreamMicroseconds: 10_000)
      #expect(counted == (isPlausible ? cpu : nil))
      #expect(hints.rejected == (isPlausible ? 0 : 1))
    }
    var huge = CostHints(cpuMicroseconds: .max)
    #expect(reader.plausibleCPU(&huge, upstreamMicroseconds: UInt64.max / 2 - 1_000) == .max)
  }

  @Test func `any text leaves the reader alive and its numbers sound`() throws {
    let seed = TestSeed()
    var generator = seed.generator
    let alphabet = Array("cpu;dur=,. \"0123456789xapp\t".utf8)
    for _ in 0..<2_000 {
      let count = Int.random(in: 0...80, using: &generator)
      let bytes = (0..<count).map { _ in alphabet.randomElement(using: &generator)! }
      let text = String(decoding: bytes, as: UTF8.self)
      var hints = CostHints()
      try Self.read("Server-Timing: \(text)\r\nX-Tokens: \(text)\r\n", into: &hints)
      if hints.cpuMicroseconds != nil {
        #expect(text.lowercased().contains("dur"), "\(seed)")
      }
    }
  }

  @Test func `hints of head and trailers are counted with the request that they belong to`() throws
  {
    let origin = try Origin { connection in
      while let head = try connection.head() {
        switch head.start[1] {
        case "/head":
          try connection.send(ok(fields: "Server-Timing: cpu;dur=0.25\r\nX-Tokens: 12.5\r\n"))
        case "/trailer":
          #expect(head.value("te") == "trailers")
          try connection.send(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Tokens: 1\r\n\r\n1\r\nx\r\n0\r\n"
              + "X-Tokens: 3\r\nx-rows: 7\r\nserver-timing: cpu;dur=0.5\r\n\r\n")
        case "/none": try connection.send(ok())
        default:
          try connection.send(ok(fields: "Server-Timing: cpu;dur=99999999\r\nX-Rows: -1\r\n"))
        }
      }
    }
    let rig = try ProxyRig(origin) { $0.upstreams[0].hints = Self.configuration() }
    let client = try rig.client()

    for path in ["head", "trailer", "none", "bad"] {
      try client.send("GET /\(path) HTTP/1.1\r\nHost: h\r\nX-Tenant: \(path)\r\n\r\n")
      let response = try client.readResponse()
      #expect(response.head.value("server-timing") == nil)
      #expect(response.head.value("x-tokens") == nil)
    }
    client.close()
    let usage = try rig.finish()

    #expect(origin.faults == [])
    #expect(usage["head/api", .upstreamCPUMicroseconds] == 250)
    #expect(usage["head/api", .cpuHintedRequests] == 1)
    #expect(usage["head/api", .units0] == 12_500_000)
    #expect(usage["head/api", .units3] == 0)
    #expect(usage["trailer/api", .upstreamCPUMicroseconds] == 500)
    #expect(usage["trailer/api", .units0] == 3_000_000)
    #expect(usage["trailer/api", .units3] == 7_000_000)
    #expect(usage["none/api", .cpuHintedRequests] == 0)
    #expect(usage["bad/api", .upstreamCPUMicroseconds] == 0)
    #expect(usage["bad/api", .cpuHintedRequests] == 0)
    #expect(rig.counter(.hintsRejected) == 2)
  }
}
