import Metering
import Platform
import Usage

// What metering one request costs: lookup, all counters, histogram, as the proxy does it, in nanoseconds;
// and what active tenants cost in memory.
//
//     swift run -c release MeterBench [REQUESTS]
//
// Prints one line a case: `meter case=<name> ns=<x>`, the median of runs of 10,000 requests, and the spread;
// then `meter memory …`, resident memory of this process with the rows of 100,000 tenants on one worker, and
// its growth a row.

let requestCount = CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 2_000_000

for (name, count) in [
  ("one-tenant", 1), ("1k-tenants", 1000), ("10k-tenants", 10_000), ("100k-tenants", 100_000),
] {
  let bench = try BenchService()
  measure(Case(name: name, tenantCount: count), bench.meter, requestCount)
  bench.finish()
}

let memoryBench = try BenchService()
let tenants = Case(name: "memory", tenantCount: 100_000)
let before = residentBytes()
_ = tenants.run(memoryBench.meter, from: 0, count: 300_000)
let after = residentBytes()
print("meter memory rows=100000 resident=\(after) bytes-a-row=\((after - before) / 100_000)")
memoryBench.finish()
