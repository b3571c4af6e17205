import Accounting
import Foundation
import HTTPClient
import Store
import Testing
import Usage

@testable import Allocator

@Suite struct IngestTests {
  @Test func `a batch is stored once and a copy of it is a duplicate`() async throws {
    try await RunningAllocator.run { allocator in
      let first = try await allocator.deliver(try World.batch(1))
      let second = try await allocator.deliver(try World.batch(1))

      #expect(first.status == 200)
      #expect(first.json?["status"] == .string("stored"))
      #expect(first.json?["name"] == .string("edge-1/0000000000000001\(zeros)/0/1"))
      #expect(first.json?["epoch"] == .string(allocator.store.epoch))
      #expect(first.json?["instance_position"] == .number("1"))
      #expect(first.json?["missing"]?.asArray == [.string("edge-1/0000000000000001\(zeros)/0/0")])
      #expect(second.json?["status"] == .string("duplicate"))
      let figures = try await allocator.store.usage.figures(of: RunningAllocator.october)
      #expect(figures.total(of: "requests") == 6)
    }
  }

  private var zeros: String { String(repeating: "0", count: 16) }

  @Test func `the same name with other content is a conflict`() async throws {
    try await RunningAllocator.run { allocator in
      _ = try await allocator.deliver(try World.batch(0))

      let answer = try await allocator.deliver(try World.batch(0, tenants: ["acme"]))

      #expect(answer.status == 409)
      #expect(answer.code == "batch_conflict")
      let metrics = try await allocator.admin("/metrics").text
      #expect(metrics.contains("weir_allocator_batch_conflicts 1\n"))
      #expect(metrics.contains("weir_allocator_batches_total{outcome=\"conflict\"} 1\n"))
    }
  }

  @Test func `a damaged batch is refused`() async throws {
    try await RunningAllocator.run { allocator in
      var bytes = try BatchCodec.encode(try World.batch(0))
      for index in [0, bytes.count / 2, bytes.count - 1] {
        bytes[index] ^= 0x40
        let answer = try await allocator.call("POST", "/v1/batches", as: .ingest, body: bytes)
        #expect(answer.status == 400)
        #expect(answer.code == "batch_malformed")
      }
      #expect(try await allocator.store.usage.counts().batches == 0)
    }
  }

  @Test(arguments: [(599, "stored"), (601, "quarantined")])
  func `a batch from the future is kept aside`(_ seconds: Int64, _ status: String) async throws {
    try await RunningAllocator.run { allocator in
      let start = RunningAllocator.now.microseconds + seconds * 1_000_000

      let answer = try await allocator.deliver(try World.batch(0, start: start))

      #expect(answer.status == 200)
      #expect(answer.json?["status"] == .string(status))
    }
  }

  @Test func `a batch without a clock is kept aside`() async throws {
    try await RunningAllocator.run { allocator in
      let answer = try await allocator.deliver(try World.batch(0, start: 0))

      #expect(answer.json?["status"] == .string("quarantined"))
    }
  }

  @Test func `a body over the limit is refused before it is read`() async throws {
    var configuration = AllocatorConfiguration()
    configuration.limits.batchBytes = 4_096
    try await RunningAllocator.run(configuration) { allocator in
      let answer = try await allocator.call(
        "POST", "/v1/batches", as: .ingest, body: Array(repeating: 7, count: 1 << 20))

      #expect(answer.status == 413)
      #expect(answer.code == "body_too_large")
    }
  }

  @Test func `a status tells what waits in a proxy's spool`() async throws {
    try await RunningAllocator.run { allocator in
      let bytes = try BatchCodec.encode(try World.batch(0))
      _ = try await allocator.call(
        "POST", "/v1/batches", as: .ingest, body: bytes, headers: [.init("Weir-Spool", "7 4200")])

      let status = try await allocator.call("GET", "/v1/status", as: .reader).json

      let proxy = status?["proxies"]?.asArray?.first
      #expect(proxy?["spool_batches"] == .number("7"))
      #expect(proxy?["spool_bytes"] == .number("4200"))
    }
  }

  @Test(arguments: ["", "7", "7 ", "-1 3", "1 2 3", "a b", "1  2"])
  func `a spool field that is not two numbers says nothing`(field: String) {
    #expect(SpoolDepths.Depth(field: field) == nil)
  }

  @Test func `a status tells silent proxies and gaps`() async throws {
    var configuration = AllocatorConfiguration()
    configuration.proxies.expected = ["edge-9"]
    try await RunningAllocator.run(configuration) { allocator in
      _ = try await allocator.deliver(try World.batch(3))

      let status = try await allocator.call("GET", "/v1/status", as: .reader).json

      let proxies = status?["proxies"]?.asArray ?? []
      #expect(proxies.compactMap { $0["instance"]?.asString } == ["edge-1", "edge-9"])
      #expect(proxies.map { $0["silent"] } == [.bool(false), .bool(true)])
      #expect(proxies.first?["batches_missing"] == .number("3"))
    }
  }

  @Test func `usage is shown by what was asked for`() async throws {
    try await RunningAllocator.run { allocator in
      for sequence in 0..<4 { _ = try await allocator.deliver(try World.batch(UInt64(sequence))) }

      let answer = try await allocator.call(
        "GET", "/v1/usage?from=2026-10-01&to=2026-10-02&group=tenant&tenant=bolt", as: .reader)

      let rows = answer.json?["rows"]?.asArray ?? []
      #expect(rows.count == 1)
      #expect(rows.first?["tenant"] == .string("bolt"))
      #expect(rows.first?["requests"] == .number("8"))
      #expect(rows.first?["p95_us"] == .number(String(HistogramBuckets.midpoint(of: 50))))
    }
  }

  @Test(arguments: [
    "/v1/usage", "/v1/usage?from=yesterday&to=2026-10-01",
    "/v1/usage?from=2026-10-02&to=2026-10-01",
    "/v1/usage?from=2026-10-01&to=2026-10-02&group=colour",
    "/v1/usage?from=2026-10-01&to=2026-10-02&limit=0", "/v1/ledger/entries?from=-1",
    "/v1/periods/2026-13",
  ])
  func `a wrong question is answered with what is wrong`(_ path: String) async throws {
    try await RunningAllocator.run { allocator in
      let answer = try await allocator.call("GET", path)

      #expect(answer.status == 400)
      #expect(answer.code == "invalid")
    }
  }

  @Test(arguments: [("GET", "/v1/nothing", 404), ("DELETE", "/v1/status", 404)])
  func `an unknown path has the one error shape`(
    _ method: String, _ path: String, _ status: Int
  ) async throws {
    try await RunningAllocator.run { allocator in
      let answer = try await allocator.call(method, path)

      #expect(answer.status == status)
      #expect(answer.code == "not_found")
    }
  }
}
