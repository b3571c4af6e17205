import Metering
import Platform
import Usage

/// A meter with one worker in a directory of its own, removed at the end.
struct BenchService {
  let meter: Meter
  private let service: MeteringService
  private let directory: String

  init() throws {
    let random = try Syscalls().randomBytes(8).reduce(into: UInt64(0)) { $0 = $0 << 8 | UInt64($1) }
    directory = "/dev/shm/weir-bench-\(random)"
    service = try MeteringService(
      configuration: MeteringConfiguration(
        instance: "bench", workers: 1, activeDirectory: directory + "/active",
        sealedDirectory: directory + "/sealed", routes: [RouteName("api")!],
        listeners: ["public"]),
      syscalls: Syscalls(), clock: .system, wake: [{}],
      report: { print("meter event=\($0)") })
    try service.start { segment in try? segment.remove() }
    meter = service.meter(worker: 0)
  }

  /// Closes the meter, says when its figures are wrong, removes the directory.
  func finish() {
    meter.close(
      nowNanoseconds: Clock.system.monotonicNanoseconds(),
      wallMicroseconds: Clock.system.wallMicroseconds())
    service.stop()
    let metrics = service.snapshot()
    if metrics.overflowedLookups + metrics.conservationDifference != 0 {
      print(
        "meter overflowed=\(metrics.overflowedLookups) "
          + "difference=\(metrics.conservationDifference)")
    }
    removeTree(directory)
  }

  private func removeTree(_ path: String) {
    for entry in (try? Syscalls().entries(of: path)) ?? [] {
      if (try? Syscalls().unlink(path + "/" + entry)) == nil { removeTree(path + "/" + entry) }
    }
    try? Syscalls().removeDirectory(path)
  }
}

/// Resident memory of this process in bytes.
func residentBytes() -> Int {
  let text = (try? Syscalls().readFile("/proc/self/statm", bytesMax: 4096)) ?? []
  let fields = String(decoding: text, as: UTF8.self).split(separator: " ")
  return fields.count > 1 ? (Int(fields[1]) ?? 0) * 4096 : 0
}
