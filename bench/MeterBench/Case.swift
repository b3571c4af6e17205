import Metering
import Platform
import Usage

/// What the proxy keeps of one exchange: its deltas are built anew for each event.
struct Exchange {
  var deltas = Deltas()

  mutating func received(_ number: Int) {
    deltas.clear()
    deltas.add(.requests, 1)
    deltas.add(.requestBytes, 312)
    deltas.add(.requestBodyBytes, UInt64(truncatingIfNeeded: number & 63))
    deltas.add(.attempts, 1)
  }

  mutating func finished(_ number: Int) {
    deltas.clear()
    deltas.add(.responses2xx, 1)
    deltas.add(.endedCompleted, 1)
    deltas.add(.responseBytes, 420)
    deltas.add(.responseBodyBytes, 256)
    deltas.add(.upstreamRequestBytes, 340)
    deltas.add(.upstreamResponseBytes, 410)
    deltas.add(.durationMicroseconds, UInt64(truncatingIfNeeded: 300 + number & 1023))
    deltas.add(.upstreamMicroseconds, 640)
    deltas.add(.upstreamCPUMicroseconds, 95)
    deltas.add(.cpuHintedRequests, 1)
  }
}

/// One way of spreading requests over tenants.
struct Case {
  var name: String
  var tenantCount: Int
  /// Ids of twelve bytes, one after another.
  var ids: [UInt8]

  init(name: String, tenantCount: Int) {
    self.name = name
    self.tenantCount = tenantCount
    ids = (0..<tenantCount).flatMap { "tenant\(String(1_000_000 + $0).dropFirst())".utf8 }
  }

  /// Nanoseconds a request of one run that begins with request `first`.
  func run(_ meter: Meter, from first: Int, count: Int) -> Double {
    var exchange = Exchange()
    // Safe: any bit pattern of UInt8 is a valid byte.
    let bytes = unsafe ids.span.bytes
    var tenant = first % tenantCount
    let start = Clock.system.monotonicNanoseconds()
    for number in first..<(first + count) {
      let row = meter.row(
        tenant: bytes.extracting(tenant * 12..<tenant * 12 + 12), route: 0)
      tenant += 1
      if tenant == tenantCount { tenant = 0 }
      exchange.received(number)
      meter.record(row, listener: 0, exchange.deltas)
      exchange.finished(number)
      meter.record(
        row, listener: 0, exchange.deltas, observing: exchange.deltas[.durationMicroseconds])
    }
    return Double(Clock.system.monotonicNanoseconds() - start) / Double(count)
  }
}

/// Median, lowest and ninth decile of many short runs: short, so that few of them are interrupted.
func measure(_ theCase: Case, _ meter: Meter, _ requestCount: Int) {
  let perRun = 10_000
  // Every tenant once, so that rows are open before the clock runs.
  _ = theCase.run(meter, from: 0, count: theCase.tenantCount)
  var runs: [Double] = []
  for run in 0..<max(3, requestCount / perRun) {
    runs.append(theCase.run(meter, from: run * perRun, count: perRun))
  }
  runs.sort()
  let figures = [runs[runs.count / 2], runs[0], runs[runs.count * 9 / 10]].map {
    String(Double(Int($0 * 10)) / 10)
  }
  print("meter case=\(theCase.name) ns=\(figures[0]) min=\(figures[1]) p90=\(figures[2])")
}
