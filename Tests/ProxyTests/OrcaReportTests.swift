import Foundation
import HTTPCodec
import Platform
import TestSupport
import Testing

@testable import Proxy

@Suite struct OrcaReportTests {
  /// An `OrcaLoadReport` with these costs, and other fields of each wire type around them.
  static func message(_ costs: [(String, Double)], isBare: Bool = false) -> [UInt8] {
    func double(_ value: Double) -> [UInt8] {
      (0..<8).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * UInt64($0))) }
    }
    var bytes: [UInt8] = isBare ? [] : [0x09] + double(0.5) + [0x18, 0x96, 0x01]
    for (name, value) in costs {
      let entry = [0x0A, UInt8(name.utf8.count)] + Array(name.utf8) + [0x11] + double(value)
      bytes += [0x22, UInt8(entry.count)] + entry
    }
    return bytes + (isBare ? [] : [0x2A, 2, 0x0A, 0, 0x7D, 1, 2, 3, 4])
  }

  static func configuration() -> HintConfiguration {
    var configuration = HintConfiguration()
    configuration.orcaCPU = ["cpu_ms", "gpu_seconds"]
    configuration.orcaUnits = [.init(field: "tokens", unit: 1)]
    configuration.cpuMetrics = ["cpu"]
    configuration.unitFields = [.init(field: "X-Tokens", unit: 1)]
    return configuration
  }

  static func read(_ fields: String, into hints: inout CostHints) throws {
    let parsed = try #require(ParsedResponse("HTTP/1.1 200 OK\r\n\(fields)\r\n"))
    CostHintReader(configuration()).read(
      parsed.head.fields, in: parsed.buffer.readable, into: &hints)
  }

  private static func binary(_ bytes: [UInt8]) -> String {
    "endpoint-load-metrics-bin: \(Data(bytes).base64EncodedString())\r\n"
  }

  @Test(arguments: [true, false])
  func `a binary report is read, with padding and without`(isPadded: Bool) throws {
    for length in 1...6 {
      var hints = CostHints()
      let name = String(repeating: "x", count: length)
      let bytes = Self.message([("cpu_ms", 12.5), (name, 3), ("tokens", 7.25)])
      let field = Self.binary(bytes)

      try Self.read(
        isPadded ? field : field.replacingOccurrences(of: "=", with: ""), into: &hints)

      #expect(hints.cpuMicroseconds == 12_500)
      #expect(hints.units[1] == 7_250_000)
      #expect(hints.rejected == 0)
    }
  }

  @Test(
    arguments: [
      ("TEXT request_cost.cpu_ms:12.5", 12_500), ("TEXT request_cost.cpu_ms=0.0004", 0),
      ("TEXT cpu_utilization:0.3, request_cost.gpu_seconds:2,request_cost.cpu_ms:1", 2_001_000),
      ("TEXT named_metrics.cpu_ms:5", nil), ("TEXT rps_fractional:1", nil),
      ("BIN \(Data(message([("cpu_ms", 3)])).base64EncodedString())", 3_000),
    ] as [(String, UInt64?)])
  func `a report in text is read`(value: String, microseconds: UInt64?) throws {
    var hints = CostHints()

    try Self.read("Endpoint-Load-Metrics: \(value)\r\n", into: &hints)

    #expect(hints.cpuMicroseconds == microseconds)
    #expect(hints.rejected == 0)
  }

  static let broken: [String] = [
    "endpoint-load-metrics: JSON {}", "endpoint-load-metrics: text request_cost.cpu_ms:1",
    "endpoint-load-metrics: TEXT request_cost.cpu_ms",
    "endpoint-load-metrics: TEXT request_cost.cpu_ms:-1",
    "endpoint-load-metrics: TEXT request_cost.cpu_ms:1e3",
    "endpoint-load-metrics: " + String(repeating: "x", count: 4_097),
    "endpoint-load-metrics-bin: a", "endpoint-load-metrics-bin: ab=c",
    "endpoint-load-metrics-bin: a-_b",
    binary(message([("cpu_ms", -1)])), binary(message([("cpu_ms", .nan)])),
    binary(message([("cpu_ms", .infinity)])), binary(message([("cpu_ms", 1e300)])),
    binary(message([("tokens", 1e10)])), binary([0x22, 5, 0x0A]), binary([0x22]),
    binary([0x23]), binary([0x80]), binary([UInt8](repeating: 0xFF, count: 11)),
    binary(message((0..<33).map { ("n\($0)", 1) })),
  ].map { $0.hasSuffix("\r\n") ? $0 : $0 + "\r\n" }

  @Test(arguments: broken)
  func `what is no report is rejected and stays absent`(field: String) throws {
    var hints = CostHints()

    try Self.read(field, into: &hints)

    #expect(hints.cpuMicroseconds == nil)
    #expect(hints.units[1] == nil)
    #expect(hints.rejected == 1)
  }

  @Test func `a report goes before other hints, in the head and in trailers`() throws {
    var hints = CostHints()

    try Self.read(
      "Server-Timing: cpu;dur=1\r\nX-Tokens: 1\r\n"
        + "endpoint-load-metrics: TEXT request_cost.cpu_ms:9\r\n"
        + Self.binary(Self.message([("cpu_ms", 2), ("tokens", 3)])), into: &hints)
    try Self.read("Server-Timing: cpu;dur=5\r\nX-Tokens: 5\r\n", into: &hints)
    #expect(hints.cpuMicroseconds == 2_000)
    #expect(hints.units[1] == 3_000_000)

    try Self.read(Self.binary(Self.message([("cpu_ms", 4)])), into: &hints)
    #expect(hints.cpuMicroseconds == 4_000)
    #expect(hints.units[1] == 3_000_000)
    #expect(hints.rejected == 0)
  }

  @Test func `a later cost of the same name counts, and 32 names fit`() throws {
    var hints = CostHints()
    let costs = [("cpu_ms", 1.0)] + (0..<31).map { ("n\($0)", 1.0) } + [("cpu_ms", 2.0)]

    try Self.read(Self.binary(Self.message(costs)), into: &hints)

    #expect(hints.cpuMicroseconds == 2_000)
  }

  @Test func `any bytes leave the reader alive and its numbers sound`() throws {
    let seed = TestSeed()
    var random = SplitMix64(seed: seed.value)
    let good = Self.message([("cpu_ms", 12.5), ("tokens", 7)])
    for round in 0..<20_000 {
      var bytes = good
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        let place = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<3, using: &random) {
        case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
        case 1: bytes.remove(at: place)
        default: bytes.insert(UInt8.random(in: 0...255, using: &random), at: place)
        }
        if bytes.isEmpty { bytes = [0] }
      }
      var hints = CostHints()
      try Self.read(Self.binary(bytes), into: &hints)
      #expect(hints.rejected <= 2, "\(seed) round \(round)")
      #expect((hints.units[1] ?? 0) <= CostHintReader.unitMillionthsMax, "\(seed) round \(round)")
    }
  }
}
