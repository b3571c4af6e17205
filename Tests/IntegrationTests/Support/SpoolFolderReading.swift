import Foundation
import TestSupport
import Usage

/// The files of a proxy's spool, read from outside.
struct SpoolFolderReading {
  /// The spool's folder.
  let path: String

  /// Where a batch may lie.
  enum Place: String, CaseIterable {
    case pending = ""
    case acknowledged = "acked"
    case conflict = "conflict"
    case rejected = "rejected"
  }

  /// Paths of the batches in a place, in order.
  func files(_ place: Place) throws -> [String] {
    let folder = place == .pending ? path : "\(path)/\(place.rawValue)"
    guard let names = try? FileManager.default.contentsOfDirectory(atPath: folder) else {
      return []
    }
    return names.filter { $0.hasSuffix(".weirbatch") }.sorted().map { "\(folder)/\($0)" }
  }

  /// The bytes of each batch in a place.
  func contents(_ place: Place) throws -> [[UInt8]] {
    try files(place).map { [UInt8](try Data(contentsOf: URL(fileURLWithPath: $0))) }
  }

  /// Each batch in a place.
  func batches(_ place: Place) throws -> [Batch] {
    try contents(place).map { try BatchCodec.decode($0) }
  }
}
