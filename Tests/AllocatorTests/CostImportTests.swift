import Accounting
import CZlib
import Foundation
import Hummingbird
import Logging
import Store
import Synchronization
import Testing

@testable import Allocator

@Suite struct CostImportTests {
  @Test func `every fault of a broken file is named and good rows count once`() async throws {
    try await RunningAllocator.run { allocator in
      let file = World.file([
        World.row(service: "Compute", cost: "1.5"),
        World.row(service: "Compute", cost: "one"),
        World.row(service: "Compute", cost: "2", currency: "XQQ"),
        "only,three,cells",
        World.row(service: "Compute", cost: "NaN", currency: ""),
        World.row(service: "Compute", cost: "2.25"),
      ])

      let first = try await allocator.call("POST", "/v1/costs?source=cloud", body: file)
      let second = try await allocator.call("POST", "/v1/costs?source=cloud", body: file)

      #expect(first.status == 200)
      #expect(first.json?["rows_good"] == .number("2"))
      #expect(first.json?["rows_quarantined"] == .number("4"))
      let faults = first.json?["faults"]?.asArray ?? []
      let lines = Set(faults.compactMap { $0["line"]?.asInteger })
      #expect(lines == [3, 4, 5, 6])
      #expect(
        faults.contains { $0["line"] == .number("6") && $0["column"] == .string("BillingCurrency") }
      )
      let totals = first.json?["totals"]?.asArray ?? []
      #expect(totals.first?["effective"] == .string("3.75"))
      #expect(second.json?["status"] == .string("unchanged"))
      let counted = try await allocator.store.costs.scan(RunningAllocator.october, into: 0) {
        count, _ in count += 1
      }
      #expect(counted == 2)
      let report = try await allocator.call("GET", "/v1/costs/imports/1/quarantine", as: .reader)
      #expect(report.text.hasPrefix("line,column,reason,value,file\r\n"))
      #expect(report.text.split(separator: "\r\n").count == faults.count + 1)
    }
  }

  @Test(arguments: [1, 2])
  func `a gzip file of several members is read like a plain one`(_ members: Int) async throws {
    try await RunningAllocator.run { allocator in
      let half = World.costs.count / members
      let packed = (0..<members).flatMap { member in
        let end = member == members - 1 ? World.costs.count : half
        return Gzip.packed(Array(World.costs[(member * half)..<end]))
      }

      let plain = try await allocator.call("POST", "/v1/costs?source=cloud", body: World.costs)
      let zipped = try await allocator.call("POST", "/v1/costs?source=cloud", body: packed)

      #expect(zipped.status == 200)
      #expect(zipped.json?["status"] == .string("unchanged"))
      #expect(zipped.json?["sha256"] == plain.json?["sha256"])
    }
  }

  @Test(arguments: ["cut", "damaged", "empty", "header", "binary"])
  func `a file that cannot be read is refused and leaves nothing`(_ kind: String) async throws {
    try await RunningAllocator.run { allocator in
      var bytes = Gzip.packed(World.costs)
      switch kind {
      case "cut": bytes.removeLast(12)
      case "damaged": bytes[bytes.count / 2] ^= 0xFF
      case "empty": bytes = []
      case "header": bytes = Array("a,b,c\n1,2,3\n".utf8)
      default: bytes = Array(repeating: 0, count: 5_000)
      }

      let answer = try await allocator.call("POST", "/v1/costs?source=cloud", body: bytes)

      #expect(answer.status == 400, "\(kind): \(answer.text)")
      #expect(answer.code == "costs_malformed")
      #expect(try await allocator.store.costs.latest(5) == [])
    }
  }

  @Test func `a file larger than allowed is refused, packed or not`() async throws {
    var configuration = AllocatorConfiguration()
    configuration.limits.costBytes = 10_000
    try await RunningAllocator.run(configuration) { allocator in
      let file = World.file(
        (0..<200).map { _ in World.row(service: "Compute", cost: "1") })
      for body in [file, Gzip.packed(file)] {
        let answer = try await allocator.call("POST", "/v1/costs?source=cloud", body: body)
        #expect(answer.status == 413)
      }
      #expect(try await allocator.store.costs.latest(5) == [])
    }
  }

  @Test(arguments: ["", "?source=", "?source=a%20b", "?source=../x"])
  func `an import needs a source name`(_ query: String) async throws {
    try await RunningAllocator.run { allocator in
      let answer = try await allocator.call("POST", "/v1/costs\(query)", body: World.costs)

      #expect(answer.status == 400)
    }
  }

  @Test func `memory does not grow with the file`() async throws {
    try await RunningAllocator.run { allocator in
      let world = AllocatorWorld(
        configuration: .init(), store: allocator.store, logger: Logger(label: "test"),
        clock: { RunningAllocator.now })
      let job = ImportCosts(world: world, source: "large", actor: "test")
      let rows = 24_000
      let row = World.row(
        service: "Compute", cost: "0.000123", description: String(repeating: "x", count: 1_800))
      let header = World.header.joined(separator: ",")
      // Twelve rows a chunk: about what a socket hands out.
      let chunk = ByteBuffer(string: String(repeating: row + "\n", count: 12))
      let left = Left(rows / 12 + 1)
      let body = RequestBody(
        asyncSequence: AsyncStream {
          let index = left.next()
          if index == rows / 12 { return ByteBuffer(string: header + "\n") }
          return index >= 0 ? chunk : nil
        })
      try Memory.resetPeak()
      let before = try Memory.peakKilobytes()

      let done = try await job.run(body, at: RunningAllocator.now)

      let grown = try Memory.peakKilobytes() - before
      #expect(done.records == rows)
      #expect(done.bytes > 44_000_000)
      #expect(grown < 28_000, "the peak grew by \(grown) KB over a file of \(done.bytes) bytes")
    }
  }
}

/// Counts down, from any task.
private final class Left: Sendable {
  private let count: Mutex<Int>

  init(_ count: Int) { self.count = Mutex(count) }

  func next() -> Int {
    count.withLock { count in
      count -= 1
      return count
    }
  }
}

/// The peak of this process's resident memory, as the kernel tells it.
enum Memory {
  static func resetPeak() throws {
    try Data("5".utf8).write(to: URL(fileURLWithPath: "/proc/self/clear_refs"))
  }

  static func peakKilobytes() throws -> Int {
    let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") } ?? ""
    return Int(line.filter(\.isNumber)) ?? 0
  }
}

/// Packs bytes for tests.
enum Gzip {
  static func packed(_ bytes: [UInt8]) -> [UInt8] {
    // Safe: zlib keeps pointers into both arrays only inside the closures, and is told their sizes.
    var stream = unsafe z_stream()
    unsafe deflateInit2_(
      &stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
      Int32(MemoryLayout<z_stream>.size))
    defer { unsafe deflateEnd(&stream) }
    var input = bytes
    var output = [UInt8](repeating: 0, count: bytes.count + 1_024)
    let count = unsafe input.withUnsafeMutableBufferPointer { source in
      unsafe output.withUnsafeMutableBufferPointer { target in
        unsafe stream.next_in = source.baseAddress
        unsafe stream.avail_in = UInt32(source.count)
        unsafe stream.next_out = target.baseAddress
        unsafe stream.avail_out = UInt32(target.count)
        unsafe deflate(&stream, Z_FINISH)
        return target.count - Int(unsafe stream.avail_out)
      }
    }
    return Array(output.prefix(count))
  }
}
