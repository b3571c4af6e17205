import Metering
import Platform
import Usage

/// A worker's side of the access log: decides what is logged, writes lines, puts them into the worker's ring.
///
/// Owned by one worker thread; the ring's other end is `AccessLog`.
final class AccessLogger {
  private let configuration: AccessLogConfiguration
  private let ring: ByteRing
  private let listeners: [[UInt8]]
  /// By meter position.
  private let routes: [[UInt8]]
  /// Whether each listener is logged.
  private let isLogged: [Bool]
  /// A random number below this one is in the sample.
  private let threshold: UInt64
  private let takesAll: Bool
  private let line: Buffer
  private var kept: [AccessRecord] = []

  /// Unused records kept for later requests; the rest is freed.
  private static let keptMax = 256

  /// The logger of one worker, nil when nothing is to be logged.
  init?(_ tables: ProxyTables, ring: ByteRing?) {
    let configuration = tables.configuration
    guard let log = configuration.accessLog, let ring else { return nil }
    self.configuration = log
    self.ring = ring
    listeners = configuration.listeners.map { Array($0.name.utf8) }
    isLogged = configuration.listeners.map(\.writesAccessLog)
    var names = configuration.routes.map { Array($0.name.text.utf8) }
    names.insert(Array("~none".utf8), at: tables.noneRoute)
    routes = names
    takesAll = log.sample >= 1
    threshold = takesAll ? .max : UInt64(log.sample * 0x1p64)
    line = Buffer(capacity: AccessLine.bytesMax(pathBytesMax: log.pathBytesMax))
  }

  /// A record for an exchange that begins, nil when it cannot come into the log.
  func begin(listener: Int, _ random: inout RandomSource) -> AccessRecord? {
    guard isLogged[listener] else { return nil }
    let isSampled = takesAll || random.next() < threshold
    guard isSampled || !configuration.always.isEmpty else { return nil }
    let record = kept.popLast() ?? AccessRecord(pathBytesMax: configuration.pathBytesMax)
    record.reset()
    record.isSampled = isSampled
    return record
  }

  var keepsQuery: Bool { configuration.keepsQuery }

  /// What became of a line.
  enum Outcome {
    case written, dropped, passedOver
  }

  /// Logs an exchange that has ended, if it is to be logged, and takes the record back.
  func finish(
    _ record: AccessRecord, _ exchange: Exchange, _ connection: DownstreamConnection,
    at wallMicroseconds: Int64
  ) -> Outcome {
    // Bound: keptMax.
    defer { if kept.count < Self.keptMax { kept.append(record) } }
    guard record.isSampled || isAlwaysLogged(record, exchange) else { return .passedOver }
    let line = line
    line.reset()
    write(record, exchange, connection, at: wallMicroseconds)
    return ring.write(line.readable) ? .written : .dropped
  }

  private func isAlwaysLogged(_ record: AccessRecord, _ exchange: Exchange) -> Bool {
    for always in configuration.always {
      let matches =
        switch always {
        case .status2xx: record.sums[.responses2xx] > 0
        case .status3xx: record.sums[.responses3xx] > 0
        case .status4xx: record.sums[.responses4xx] > 0
        case .status5xx: record.sums[.responses5xx] > 0
        case .own: !record.code.isEmpty
        case .failed: record.end != .endedCompleted
        }
      if matches { return true }
    }
    return false
  }

  private func write(
    _ record: AccessRecord, _ exchange: Exchange, _ connection: DownstreamConnection,
    at wallMicroseconds: Int64
  ) {
    var line = AccessLine(line, at: wallMicroseconds)
    if exchange.requestID.count > 0 {
      line.text("request_id") { exchange.requestID.write(to: $0) }
    }
    if record.trace.high | record.trace.low != 0 {
      line.text("trace_id") {
        $0.append(hex: record.trace.high)
        $0.append(hex: record.trace.low)
      }
    }
    line.text("listener", listeners[connection.listener])
    line.text("client") { connection.client.write(to: $0) }
    let (tenant, method, path) = (record.tenant, record.method, record.path)
    line.text("tenant", tenant.readable)
    line.text("route", routes[record.route])
    if !method.isEmpty {
      line.text("method", method.readable)
      line.text("path", path.readable, isCut: record.isCut)
    }
    if record.hasStatus { line.number("status", UInt64(exchange.responseStatus)) }
    if let status = exchange.callStatus { line.number("grpc_status", UInt64(status)) }
    if let end = record.end {
      line.text("end", Array(end.name.utf8.dropFirst("ended_".utf8.count)))
    }
    if !record.code.isEmpty { line.text("code", record.code) }
    writeQuantities(record, &line)
    if let upstream = record.upstream { line.text("upstream", Array(upstream.description.utf8)) }
    line.finish()
  }

  private func writeQuantities(_ record: AccessRecord, _ line: inout AccessLine) {
    let sums = record.sums
    line.number("request_bytes", sums[.requestBytes])
    line.number("response_bytes", sums[.responseBytes])
    line.number("request_body_bytes", sums[.requestBodyBytes])
    line.number("response_body_bytes", sums[.responseBodyBytes])
    line.number("duration_us", sums[.durationMicroseconds])
    line.number("attempts", sums[.attempts])
    guard sums[.attempts] > 0 else { return }
    line.number("upstream_request_bytes", sums[.upstreamRequestBytes])
    line.number("upstream_response_bytes", sums[.upstreamResponseBytes])
    line.number("upstream_us", sums[.upstreamMicroseconds])
    // Absent is not zero.
    if sums[.cpuHintedRequests] > 0 {
      line.number("upstream_cpu_us", sums[.upstreamCPUMicroseconds])
    }
  }
}
