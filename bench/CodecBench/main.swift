import Glibc
import Usage

// What a batch of 100,000 active tenants costs on the wire and in time: bytes a row, rows a second.
//
//     swift run -c release CodecBench [ROWS]
//
// Three requests a tenant with slightly varying bytes and latencies, as one interval of many customers looks.
// Prints one line a case: `codec case=<name> rows=<n> bytes-a-row=<x> encode-rows-a-second=<y>
// decode-rows-a-second=<z>`, medians of five.

let rowCount = CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 100_000

/// A small generator with a fixed seed, so that every run measures the same rows.
struct SplitMix64: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}

/// An id like `acme-000123`.
func plainID(_ number: Int, _ random: inout SplitMix64) -> String {
  let digits = String(number)
  return "acme-" + String(repeating: "0", count: 6 - min(6, digits.count)) + digits
}

/// A random id in the form of a UUID.
func uuid(_ number: Int, _ random: inout SplitMix64) -> String {
  let digits = Array("0123456789abcdef")
  var text = ""
  for position in 0..<32 {
    if [8, 12, 16, 20].contains(position) { text += "-" }
    text.append(digits[Int(random.next() % 16)])
  }
  return text
}

/// A batch of one interval.
func makeBatch(_ id: (Int, inout SplitMix64) -> String) -> Batch {
  var random = SplitMix64(state: 7)
  var ids: [TenantID] = []
  for number in 0..<rowCount {
    if let tenant = TenantID(id(number, &random)) { ids.append(tenant) }
  }
  ids.sort()
  guard let route = RouteName("api"),
    let name = BatchName(
      instance: "bench", boot: BootID(high: 1, low: 2), worker: 0, sequence: 3)
  else { fatalError("constant names are valid") }
  var totals = ListenerTotals(listener: "main")
  let rows = ids.map { tenant in
    let row = makeRow(tenant, route, &random)
    for index in 0..<Quantity.count { totals.quantities[index] += row.quantities[index] }
    return row
  }
  let interval = BatchInterval(
    startMicroseconds: 1_790_000_000_000_000, endMicroseconds: 1_790_000_010_000_000,
    lengthNanoseconds: 10_000_000_000)
  return Batch(name: name, interval: interval, listeners: [totals], rows: rows)
}

/// Three requests of a tenant.
func makeRow(_ tenant: TenantID, _ route: RouteName, _ random: inout SplitMix64) -> UsageRow {
  var row = UsageRow(tenant: tenant, route: route)
  row[.requests] = 3
  row[.responses2xx] = 3
  row[.endedCompleted] = 3
  row[.attempts] = 3
  row[.requestBytes] = 3 * 310 + random.next() % 40
  row[.upstreamRequestBytes] = row[.requestBytes] + 360
  row[.responseBytes] = 3 * 800 + random.next() % 600
  row[.responseBodyBytes] = row[.responseBytes] - 3 * 190
  row[.upstreamResponseBytes] = row[.responseBytes]
  var bins: [UInt16: UInt64] = [:]
  for _ in 0..<3 {
    let duration = 180 + random.next() % 220
    row[.durationMicroseconds] += duration
    bins[UInt16(HistogramBuckets.bucket(of: duration)), default: 0] += 1
  }
  row[.upstreamMicroseconds] = row[.durationMicroseconds]
  row.histogram = SparseHistogram(
    bins: bins.sorted { $0.key < $1.key }.map { .init(bucket: $0.key, count: $0.value) })
  return row
}

/// Seconds that `body` takes, the median of five.
func seconds(_ body: () throws -> Void) rethrows -> Double {
  var times: [Double] = []
  for _ in 0..<5 {
    let clock = ContinuousClock()
    let start = clock.now
    try body()
    let elapsed = (clock.now - start).components
    times.append(Double(elapsed.seconds) + Double(elapsed.attoseconds) / 1e18)
  }
  return times.sorted()[2]
}

for (name, id) in [("plain-ids", plainID), ("uuids", uuid)] {
  let batch = makeBatch(id)
  let bytes = try BatchCodec.encode(batch)
  let decoded = try BatchCodec.decode(bytes)
  guard decoded == batch else { fatalError("the codec does not return what it was given") }
  let encoding = try seconds { _ = try BatchCodec.encode(batch) }
  let decoding = try seconds { _ = try BatchCodec.decode(bytes) }
  let perRow = (Double(bytes.count) / Double(batch.rows.count) * 10).rounded() / 10
  print(
    "codec case=\(name) rows=\(batch.rows.count) bytes-a-row=\(perRow) "
      + "encode-rows-a-second=\(Int(Double(rowCount) / encoding)) "
      + "decode-rows-a-second=\(Int(Double(rowCount) / decoding))")
}
