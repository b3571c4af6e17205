import Foundation
import TestSupport

/// The three roles of a token.
enum TokenRole: String, CaseIterable {
  case ingest
  case `operator`
  case reader
}

/// Where a chain keeps its files.
final class ChainFolders {
  /// Files on a disk.
  let disk: TemporaryDirectory
  private let memoryDirectory: TemporaryDirectory

  /// New empty folders, one of them on a file system in memory.
  init() throws {
    disk = try TemporaryDirectory()
    memoryDirectory = try TemporaryDirectory(under: "/dev/shm")
    try FileManager.default.createDirectory(
      atPath: disk.file("store"), withIntermediateDirectories: false)
  }

  /// Active segments.
  var memory: String { memoryDirectory.path }
  /// Sealed segments.
  var segments: String { disk.file("segments") }
  /// Batches.
  var spool: String { disk.file("spool") }
  /// Where a new proxy asks the one that runs.
  var upgradeSocket: String { disk.file("upgrade") }
  /// The database.
  var store: String { disk.file("store/weir.sqlite") }
  /// The file of a token.
  func token(_ role: TokenRole) -> String { disk.file("\(role.rawValue).token") }
}
