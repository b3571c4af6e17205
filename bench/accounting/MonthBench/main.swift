import Digest
import Foundation
import GRDB
import Store
import Usage

// MonthBench ingest [BATCHES]          wire to durable rollups, beside a bare loop of the same upserts
// MonthBench fill STORE [TENANTS]      a month of hourly rollups, to be closed by `weir close`

let arguments = Array(CommandLine.arguments.dropFirst())
switch arguments.first {
case "ingest": try await ingest(batches: arguments.count > 1 ? Int(arguments[1]) ?? 40 : 40)
case "fill" where arguments.count > 1:
  try await fill(
    arguments[1], tenants: arguments.count > 2 ? Int(arguments[2]) ?? 100_000 : 100_000)
default:
  print("usage: MonthBench ingest [BATCHES] | fill STORE [TENANTS]")
  exit(2)
}

/// CPU seconds of this process so far.
func cpuSeconds() -> Double {
  var usage = rusage()
  unsafe getrusage(Int32(RUSAGE_SELF.rawValue), &usage)
  func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
  return seconds(usage.ru_utime) + seconds(usage.ru_stime)
}

func receipt(_ bytes: [UInt8]) throws -> (Batch, BatchReceipt) {
  let payload = try BatchCodec.payload(of: bytes)
  return (
    try BatchCodec.decode(bytes),
    BatchReceipt(
      digest: SHA256.hash(payload), bytes: bytes, receivedAtMicroseconds: 1_793_000_000_000_000,
      isQuarantined: false)
  )
}

/// Both ways of storing the same batches, in turns, each in a fresh file: three rounds, medians.
func ingest(batches count: Int) async throws {
  let hours = BenchHours(tenants: 100_000)
  // Four batches an hour: three of four rows meet one that is there.
  var wire: [[UInt8]] = []
  var decoded: [Batch] = []
  for index in 0..<count {
    let batch = hours.batch(hour: index / 4, copy: index % 4, copies: 4)
    decoded.append(batch)
    wire.append(try BatchCodec.encode(batch))
  }
  let rows = decoded.reduce(0) { $0 + $1.rows.count }
  print("\(count) batches, \(rows) rows, \(wire.reduce(0) { $0 + $1.count }) bytes on the wire")
  var own: [Double] = []
  var bare: [Double] = []
  for round in 0..<3 {
    for isOwn in round % 2 == 0 ? [true, false] : [false, true] {
      let folder = NSTemporaryDirectory() + "weir-bench-\(UUID().uuidString)"
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      defer { try? FileManager.default.removeItem(atPath: folder) }
      let clock = ContinuousClock()
      let began: ContinuousClock.Instant
      if isOwn {
        let store = try await EmbeddedStore.open(at: folder + "/weir.sqlite", create: true)
        began = clock.now
        for bytes in wire {
          let (batch, receipt) = try receipt(bytes)
          _ = try await store.usage.ingest(batch, receipt: receipt, missingMax: 100)
        }
      } else {
        let upserts = try BareUpserts(folder + "/bare.sqlite")
        began = clock.now
        for batch in decoded { try upserts.store(batch) }
      }
      let seconds = Double((clock.now - began) / .milliseconds(1)) / 1_000
      if isOwn { own.append(seconds) } else { bare.append(seconds) }
      print("round \(round + 1) \(isOwn ? "weir" : "bare") \(seconds) s")
    }
  }
  let (mine, theirs) = (own.sorted()[1], bare.sorted()[1])
  print(
    "weir \(mine) s, \(Int(Double(rows) / mine)) rows/s; bare \(theirs) s, "
      + "\(Int(Double(rows) / theirs)) rows/s; ratio \(mine / theirs)")
}

/// A month of hourly rollups, one batch an hour.
func fill(_ path: String, tenants: Int) async throws {
  let hours = BenchHours(tenants: tenants)
  let store = try await EmbeddedStore.open(at: path, create: true)
  var rows = 0
  for hour in 0..<BenchHours.hourCount {
    let batch = hours.batch(hour: hour, copy: 0, copies: 1)
    let (again, receipt) = try receipt(try BatchCodec.encode(batch))
    _ = try await store.usage.ingest(again, receipt: receipt, missingMax: 100)
    rows += batch.rows.count
    if hour % 50 == 49 { print("hour \(hour + 1) of \(BenchHours.hourCount), \(rows) rows") }
  }
  print("filled \(rows) rows of \(tenants) tenants, \(cpuSeconds()) s CPU")
}
