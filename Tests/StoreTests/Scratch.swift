import Accounting
import Digest
import Foundation
import GRDB
import Store
import Usage

/// A folder of its own for one test, removed at the end.
final class Scratch {
  let folder: URL

  init() throws {
    folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("weir-store-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  func path(_ name: String = "weir.sqlite") -> String {
    folder.appendingPathComponent(name).path
  }

  func store(_ name: String = "weir.sqlite") async throws -> EmbeddedStore {
    try await EmbeddedStore.open(at: path(name), create: true)
  }

  /// A connection of some other program: none of the store's settings.
  func foreign(_ name: String = "weir.sqlite") throws -> DatabaseQueue {
    try DatabaseQueue(path: path(name))
  }
}

/// A fixed present: 2026-11-23T12:00:00Z.
let noon = UTCInstant(microseconds: 1_795_435_200_000_000)

/// Batches of one proxy.
struct Feed {
  var instance = "edge-1"
  var boot = BootID(high: 1, low: 2)
  var worker: UInt16 = 0
  var start = noon.microseconds - 3_600_000_000

  func batch(
    _ sequence: UInt64, last: UInt64? = nil, tenants: [String: UInt64] = ["acme": 3],
    predecessor: Batch.Predecessor? = nil, at offset: Int64? = nil
  ) throws -> Batch {
    guard
      let name = BatchName(instance: instance, boot: boot, worker: worker, sequence: sequence)
    else { throw CocoaError(.coderInvalidValue) }
    let begin = start + (offset ?? Int64(sequence) * 10_000_000)
    var rows: [UsageRow] = []
    var total = ListenerTotals(listener: "public")
    for (tenant, count) in tenants.sorted(by: { $0.key < $1.key }) {
      guard let id = TenantID(stored: tenant), let route = RouteName("api") else {
        throw CocoaError(.coderInvalidValue)
      }
      var row = UsageRow(tenant: id, route: route)
      row[.requests] = count
      row[.endedCompleted] = count
      row[.responseBytes] = count * 100
      row.histogram = SparseHistogram(bins: [.init(bucket: 40, count: count)])
      rows.append(row)
      for quantity in Usage.Quantity.allCases {
        total.quantities[Int(quantity.rawValue)] += row[quantity]
      }
    }
    return Batch(
      name: name, lastSequence: last,
      interval: BatchInterval(
        startMicroseconds: begin, endMicroseconds: begin + 10_000_000,
        lengthNanoseconds: 10_000_000_000),
      flags: last == nil ? [] : .merged, predecessor: predecessor, listeners: [total], rows: rows)
  }
}

extension UsageStore {
  /// Delivers a batch with a digest made of its content.
  @discardableResult
  func deliver(
    _ batch: Batch, quarantined: Bool = false, salt: String = ""
  ) async throws -> IngestOutcome {
    let bytes = Array("\(batch)\(salt)".utf8)
    return try await ingest(
      batch,
      receipt: BatchReceipt(
        digest: SHA256.hash(bytes), bytes: bytes, receivedAtMicroseconds: noon.microseconds,
        isQuarantined: quarantined), missingMax: 100)
  }

  /// Requests of all tenants in November 2026.
  func requests() async throws -> UInt128 {
    try await figures(of: Period(parsing: "2026-11")).total(of: "requests")
  }
}
