import Accounting
import CZstd
import Foundation
import HTTPClient
import Hummingbird
import Store
import TestSupport
import Testing

/// Bills of every form on their way through the API.
@Suite struct BillFormsTests {
  private static func bill(_ name: String) throws -> [UInt8] {
    try Repository.bytes("Tests/AccountingTests/Golden/bills/\(name)")
  }

  @Test(arguments: [
    ("aws.csv", "aws-cur-2", ""), ("azure-ea.csv", "azure-cost-details", ""),
    ("azure-mca.csv", "azure-cost-details", ""), ("google.jsonl", "google-detailed", ""),
    ("opencost.json", "opencost", "&currency=USD"), ("focus.csv", "focus", ""),
  ])
  func `a bill is stored as the second implementation adds it up`(
    name: String, format: String, query: String
  ) async throws {
    try await RunningAllocator.run { allocator in
      let answer = try await allocator.call(
        "POST", "/v1/costs?source=cloud\(query)", body: try Self.bill(name))

      #expect(answer.status == 200, "\(answer.text)")
      #expect(answer.json?["format"] == .string(format))
      #expect(answer.json?["rows_quarantined"] == .number("0"))
      let expected = try JSONValue(parsing: Self.bill("expected.json"))[name]?["totals"]
      let totals = answer.json?["totals"]?.asArray ?? []
      #expect(!totals.isEmpty)
      for total in totals {
        let key = "\(total["period"]?.asString ?? "") \(total["currency"]?.asString ?? "")"
        for member in ["records", "billed", "effective"] {
          #expect(total[member] == expected?[key]?[member], "\(key) \(member)")
        }
      }
      let stored = try await allocator.store.costs.scan(
        RunningAllocator.october, into: [CostRecord]()
      ) { $0.append($1) }
      let bytes = try Self.bill(name)
      var reader = CostFileReader(CostFileChoice(currency: try Currency.named("USD")))
      let events = try reader.feed(bytes) + reader.finish()
      let read = events.compactMap { event -> CostRecord? in
        if case .record(let record) = event, record.period == RunningAllocator.october {
          return record
        }
        return nil
      }
      #expect(stored == read)
    }
  }

  @Test func `zstd and gzip are told by their first bytes, frames after one another too`()
    async throws
  {
    try await RunningAllocator.run { allocator in
      let costs = World.costs
      let half = costs.count / 2
      let packed = [
        Gzip.packed(costs), Zstd.packed(costs),
        Zstd.packed(Array(costs[..<half])) + Zstd.packed(Array(costs[half...])),
      ]
      let plain = try await allocator.call("POST", "/v1/costs?source=cloud", body: costs)

      for body in packed {
        let answer = try await allocator.call("POST", "/v1/costs?source=cloud", body: body)
        #expect(answer.json?["status"] == .string("unchanged"), "\(answer.text)")
        #expect(answer.json?["sha256"] == plain.json?["sha256"])
      }
      let cut = try await allocator.call(
        "POST", "/v1/costs?source=other", body: Array(Zstd.packed(costs).dropLast(5)))
      #expect(cut.status == 400)
      #expect(cut.text.contains("cut off"))
      var damaged = Zstd.packed(costs)
      damaged[damaged.count / 2] ^= 0xFF
      let broken = try await allocator.call("POST", "/v1/costs?source=other", body: damaged)
      #expect(broken.status == 400, "\(broken.text)")
    }
  }

  @Test func `a restated bill shows what it changed, by service and category`() async throws {
    try await RunningAllocator.run { allocator in
      let first = try await allocator.call(
        "POST", "/v1/costs?source=cloud", body: try Self.bill("focus.csv"))
      let second = try await allocator.call(
        "POST", "/v1/costs?source=cloud", body: try Self.bill("focus-restated.csv"))
      let again = try await allocator.call("GET", "/v1/costs/imports/2/differences", as: .reader)

      #expect(first.json?["differences"] == .array([]))
      let changes = second.json?["differences"]?.asArray ?? []
      #expect(changes.map { $0["period"] } == [.string("2026-10")])
      #expect(again.json?["differences"] == second.json?["differences"])
      let rows = changes.first?["rows"]?.asArray ?? []
      #expect(
        rows.contains {
          $0["service"] == .string("Queues") && $0["records_before"] == .number("0")
            && $0["effective_change"] == .string("0.3")
        })
      // The changes sum to the difference of the totals that the second implementation has.
      let expected = try JSONValue(parsing: Self.bill("expected.json"))
      func total(_ name: String) throws -> Amount {
        let text = expected[name]?["totals"]?["2026-10 USD"]?["effective"]?.asString ?? ""
        return try Amount(parsing: text)
      }
      let sum = try rows.filter { $0["currency"] == .string("USD") }.reduce(Amount.zero) {
        try $0.adding(Amount(parsing: $1["effective_change"]?.asString ?? ""))
      }
      #expect(sum == (try total("focus-restated.csv").subtracting(total("focus.csv"))))
      let snapshots = second.json?["snapshots"]?.asArray ?? []
      #expect(snapshots.map { $0["state"] } == [.string("unchanged"), .string("current")])
    }
  }

  @Test func `a change of a closed month is late, is shown by pool and changes no statement`()
    async throws
  {
    try await RunningAllocator.run { allocator in
      try await allocator.furnish()
      let open = try await allocator.call("GET", "/v1/costs/late?period=2026-10", as: .reader)
      _ = try await allocator.close()
      let before = try await allocator.call("GET", "/v1/periods/2026-10/statements", as: .reader)
      let none = try await allocator.call("GET", "/v1/costs/late?period=2026-10", as: .reader)
      let source = try await allocator.store.costs.current(of: RunningAllocator.october)[0].source
      let changed = String(decoding: World.costs, as: UTF8.self)
        .split(separator: "\n", omittingEmptySubsequences: false)
        .map { String($0.contains(",60.00,") ? $0.replacing("60.00", with: "61.25") : $0) }
        .joined(separator: "\n")

      let late = try await allocator.call("POST", "/v1/costs?source=\(source)", text: changed)
      let shown = try await allocator.call("GET", "/v1/costs/late?period=2026-10", as: .reader)

      #expect(open.json?["closed"] == .bool(false))
      #expect(none.json?["sources"] == .array([]))
      #expect(late.json?["snapshots"]?.asArray?.first?["late"] == .bool(true), "\(late.text)")
      let pools = shown.json?["pools"]?.asArray ?? []
      #expect(pools.map { $0["pool"] } == [.string("compute")], "\(shown.text)")
      #expect(pools.first?["effective_change"] == .string("1.25"))
      #expect(shown.json?["sources"]?.asArray?.count == 1)
      let after = try await allocator.call("GET", "/v1/periods/2026-10/statements", as: .reader)
      #expect(after.body == before.body)
    }
  }

  @Test func `several files are one import, and one of another form refuses them all`()
    async throws
  {
    try await RunningAllocator.run { allocator in
      let fields = [HTTPField("Content-Type", "application/vnd.weir.files")]
      let other = World.file((1...4).map { World.row(service: "Compute", cost: "\($0)") })
      let good = Frames.of([
        ("a.csv", World.costs), ("b.csv.zst", Zstd.packed(other)),
        ("c.csv", World.file([World.row(service: "Compute", cost: "x")])),
      ])
      let mixed = Frames.of([
        ("a.csv", World.costs), ("bad.jsonl", try Self.bill("google.jsonl")),
      ])

      let answer = try await allocator.call(
        "POST", "/v1/costs?source=cloud", body: good, headers: fields)
      let refused = try await allocator.call(
        "POST", "/v1/costs?source=mixed", body: mixed, headers: fields)
      let twice = try await allocator.call(
        "POST", "/v1/costs?source=twice",
        body: Frames.of([("a.csv", World.costs), ("copy.csv.zst", Zstd.packed(World.costs))]),
        headers: fields)
      let cut = try await allocator.call(
        "POST", "/v1/costs?source=cut", body: Array(good.dropLast(3)), headers: fields)

      #expect(answer.status == 200, "\(answer.text)")
      #expect(answer.json?["records"] == .number("8"))
      let fault = answer.json?["faults"]?.asArray?.first
      #expect(fault?["file"] == .string("c.csv") && fault?["line"] == .number("2"))
      #expect(refused.status == 400)
      #expect(refused.text.contains("bad.jsonl"))
      #expect(cut.status == 400)
      #expect(twice.status == 400)
      #expect(twice.text.contains("copy.csv.zst: ") && twice.text.contains("same bytes as a.csv"))
      #expect(try await allocator.store.costs.latest(9).count == 1)
    }
  }

  @Test func `invoice details are control totals beside the costs of the same source`()
    async throws
  {
    try await RunningAllocator.run { allocator in
      let costs = try await allocator.call(
        "POST", "/v1/costs?source=cloud", body: try Self.bill("focus.csv"))
      let detail = try await allocator.call(
        "POST", "/v1/costs?source=cloud", body: try Self.bill("invoice-detail.csv"))
      let again = try await allocator.call(
        "POST", "/v1/costs?source=cloud", body: try Self.bill("invoice-detail.csv"))
      _ = try await allocator.call(
        "POST", "/v1/costs?source=cloud", body: try Self.bill("billing-period.csv"))

      let shown = try await allocator.call(
        "GET", "/v1/costs/invoices?period=2026-10", as: .reader)

      #expect(detail.json?["status"] == .string("stored"), "\(detail.text)")
      #expect(again.json?["status"] == .string("unchanged"))
      let expected = try JSONValue(parsing: Self.bill("expected.json"))
      for invoice in shown.json?["invoices"]?.asArray ?? [] {
        let key = "2026-10 INV-7 \(invoice["currency"]?.asString ?? "")"
        #expect(
          invoice["billed"] == expected["invoice-detail.csv"]?["invoices"]?[key], "\(key)")
      }
      #expect(shown.json?["invoices"]?.asArray?.count == 2)
      #expect(shown.json?["billing_periods"]?.asArray?.first?["closed"] == .bool(false))
      let current = try await allocator.store.costs.current(of: RunningAllocator.october)
      #expect(current.map(\.importID) == [1], "\(costs.text)")
    }
  }

  @Test func `a map of the operator reads a bill that nobody knows`() async throws {
    try await RunningAllocator.run { allocator in
      let map = try Repository.bytes("config/cost-map.example.yaml")
      let kept = try await allocator.call("POST", "/v1/costs/maps", body: map)
      let digest = kept.json?["sha256"]?.asString ?? ""
      let bill = """
        Product;Article;Project;Net;Surcharge;Currency;BillingMonth;Date;Type;Labels;tag:env;Server
        Box;AX1;p1;1.234,56;0,44;;2026-10;31/10/2026;Usage;tenant=acme;prod;s1
        Box;AX1;p1;10,00;;USD;2026-10;01/10/2026;Voucher;;;s1
        Sum;;;9,00;;;2026-10;01/10/2026;Subtotal;;;
        """

      let answer = try await allocator.call(
        "POST", "/v1/costs?source=metal&map=\(digest)", text: bill)
      let broken = try await allocator.call("POST", "/v1/costs/maps", text: "version: 1\nx: 1\n")

      #expect(answer.status == 200, "\(answer.text)")
      #expect(answer.json?["rows_skipped"] == .number("1"))
      let records = try await allocator.store.costs.scan(
        RunningAllocator.october, into: [CostRecord]()
      ) { $0.append($1) }
      #expect(records.map(\.billedCost.description) == ["1235", "-10"])
      #expect(records.map(\.currency.code) == ["EUR", "USD"])
      #expect(records[0].tags == ["tenant": "acme", "env": "prod"])
      #expect(records[0].chargePeriodStart.description == "2026-10-31T00:00:00Z")
      #expect(records[1][.chargeCategory] == "Credit")
      #expect(broken.code == "document_invalid")
      #expect((broken.json?["error"]?["details"]?.asArray?.count ?? 0) > 3)
    }
  }

  @Test func `the SKU map names money from its date on and lists what it does not name`()
    async throws
  {
    try await RunningAllocator.run { allocator in
      _ = try await allocator.call(
        "POST", "/v1/costs?source=aws", body: try Self.bill("aws.csv"))
      let example = try Repository.bytes("config/skus.example.csv")
      let set = try await allocator.call("POST", "/v1/skus", body: example)
      let bad = try await allocator.call(
        "POST", "/v1/skus",
        text: "provider,normalized_service,from,until\nAWS,,2026-02-01,2026-01-01\n,x,soon,\n")

      let shown = try await allocator.call(
        "GET", "/v1/skus/coverage?period=2026-10", as: .reader)

      #expect(set.json?["entries"] == .number("5"))
      #expect((bad.json?["error"]?["details"]?.asArray?.count ?? 0) == 4, "\(bad.text)")
      let unknown = shown.json?["unknown"]?.asArray ?? []
      #expect(
        Set(unknown.compactMap { $0["service"]?.asString }) == [
          "AmazonEKS", "ComputeSavingsPlans",
        ], "\(shown.text)")
      let percent = shown.json?["coverage"]?.asArray?.last?["percent"]?.asString ?? ""
      let value = try Amount(parsing: percent)
      #expect(value > .zero && value < Amount(micros: 100_000_000), "\(shown.text)")
    }
  }
}

/// Packs bytes for tests.
enum Zstd {
  static func packed(_ bytes: [UInt8]) -> [UInt8] {
    // Safe: both buffers outlive the call, and libzstd is told their sizes.
    var output = [UInt8](repeating: 0, count: ZSTD_compressBound(bytes.count))
    let count = unsafe bytes.withUnsafeBytes { source in
      unsafe output.withUnsafeMutableBytes { target in
        unsafe ZSTD_compress(
          target.baseAddress, target.count, source.baseAddress, source.count, 3)
      }
    }
    return Array(output.prefix(count))
  }
}

/// Files in frames, as `weir import FOLDER` sends them.
enum Frames {
  static func of(_ files: [(name: String, bytes: [UInt8])]) -> [UInt8] {
    func number(_ value: Int, _ count: Int) -> [UInt8] {
      (0..<count).reversed().map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
    }
    return files.flatMap { file in
      var frame = number(file.name.utf8.count, 2) + Array(file.name.utf8)
      for start in stride(from: 0, to: file.bytes.count, by: 1_000) {
        let piece = file.bytes[start..<min(start + 1_000, file.bytes.count)]
        frame += number(piece.count, 4) + piece
      }
      return frame + number(0, 4)
    }
  }
}
