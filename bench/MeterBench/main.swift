import Metering
import Platform
import Usage

// What metering one request costs: lookup, all counters, histogram, as the proxy does it, in nanoseconds.
//
//     swift run -c release MeterBench [REQUESTS]
//
// Prints one line a case: `meter case=<name> ns=<x>`, the median of seven runs, and the spread.

/// A request as the proxy records it: two events, the head and the end.
struct Request {
  var head = Deltas()
  var end = Deltas()

  init() {
    head.add(.requests, 1)
    head.add(.requestBytes, 312)
    head.add(.requestBodyBytes, 0)
    head.add(.attempts, 1)
    end.add(.responses2xx, 1)
    end.add(.endedCompleted, 1)
    end.add(.responseBytes, 420)
    end.add(.responseBodyBytes, 256)
    end.add(.upstreamRequestBytes, 340)
    end.add(.upstreamResponseBytes, 410)
    end.add(.durationMicroseconds, 812)
    end.add(.upstreamMicroseconds, 640)
    end.add(.upstreamCPUMicroseconds, 95)
    end.add(.cpuHintedRequests, 1)
  }
}

/// One way of spreading requests over tenants.
struct Case {
  var name: String
  var tenants: [[UInt8]]
  var requestCount: Int

  /// Nanoseconds a request of one run.
  func run(_ meter: Meter) -> Double {
    let request = Request()
    var next = 0
    let start = Clock.system.monotonicNanoseconds()
    for number in 0..<requestCount {
      let tenant = tenants[next]
      // Safe: any bit pattern of UInt8 is a valid byte.
      let row = unsafe meter.row(tenant: tenant.span.bytes, route: 0)
      meter.record(row, listener: 0, request.head)
      meter.record(
        row, listener: 0, request.end, observing: UInt64(truncatingIfNeeded: 300 + number & 1023))
      next += 1
      if next == tenants.count { next = 0 }
    }
    let end = Clock.system.monotonicNanoseconds()
    return Double(end - start) / Double(requestCount)
  }
}

/// Median and spread of several runs.
func measure(_ theCase: Case, _ meter: Meter) {
  var runs: [Double] = []
  for _ in 0..<7 { runs.append(theCase.run(meter)) }
  runs.sort()
  let figures = [runs[3], runs[0], runs[6]].map { String(Int($0 * 10)) }
    .map { $0.dropLast() + "." + $0.suffix(1) }
  print("meter case=\(theCase.name) ns=\(figures[0]) min=\(figures[1]) max=\(figures[2])")
}

let requestCount = CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 2_000_000
let boot = try Syscalls().randomBytes(8).reduce(into: UInt64(0)) { $0 = $0 << 8 | UInt64($1) }
let directory = "/dev/shm/weir-bench-\(boot)"
let service = try MeteringService(
  configuration: MeteringConfiguration(
    instance: "bench", workers: 1, activeDirectory: directory + "/active",
    sealedDirectory: directory + "/sealed", routes: [RouteName("api")!], listeners: ["public"]),
  syscalls: Syscalls(), clock: .system, wake: [{}], report: { print("meter event=\($0)") })
try service.start { segment in try? segment.remove() }
let meter = service.meter(worker: 0)

measure(Case(name: "one-tenant", tenants: [Array("acme".utf8)], requestCount: requestCount), meter)
for count in [1000, 10_000, 100_000] {
  let tenants = (0..<count).map { Array("acme-\(String(1_000_000 + $0).dropFirst())".utf8) }
  measure(
    Case(name: "\(count / 1000)k-tenants", tenants: tenants, requestCount: requestCount), meter)
}

meter.close(
  nowNanoseconds: Clock.system.monotonicNanoseconds(),
  wallMicroseconds: Clock.system.wallMicroseconds())
service.stop()
let metrics = service.snapshot()
print(
  "meter overflowed=\(metrics.overflowedLookups) difference=\(metrics.conservationDifference)")
for folder in ["/active/bench", "/active", "/sealed", ""] {
  for entry in (try? Syscalls().entries(of: directory + folder)) ?? [] {
    for file in (try? Syscalls().entries(of: directory + folder + "/" + entry)) ?? [] {
      try? Syscalls().unlink(directory + folder + "/" + entry + "/" + file)
    }
    try? Syscalls().removeDirectory(directory + folder + "/" + entry)
  }
  try? Syscalls().removeDirectory(directory + folder)
}
