internal import Foundation
internal import Store

/// A backup on its way out: a file beside the store that is removed once it was read.
struct BackupFile: Sendable {
  /// Its size.
  let byteCount: Int
  private let path: String

  /// Bytes read at once.
  private static let pieceBytes = 256 * 1024

  /// Makes a copy of the store.
  static func make(of store: EmbeddedStore) async throws -> BackupFile {
    let path = store.path + ".backup-" + UUID().uuidString
    try await store.backup(to: path)
    let attributes = try FileManager.default.attributesOfItem(atPath: path)
    return BackupFile(byteCount: (attributes[.size] as? Int) ?? 0, path: path)
  }

  /// Removes copies whose download was never begun, such as when the client had gone.
  static func removeLeftovers(besideStoreAt path: String) {
    let store = URL(fileURLWithPath: path)
    let folder = store.deletingLastPathComponent()
    let files = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    for file in files where file.hasPrefix(store.lastPathComponent + ".backup-") {
      try? FileManager.default.removeItem(at: folder.appendingPathComponent(file))
    }
  }

  /// Reads it piece by piece.
  func write(_ piece: ([UInt8]) async throws -> Void) async throws {
    let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
    defer { try? file.close() }
    while let data = try file.read(upToCount: Self.pieceBytes), !data.isEmpty {
      try await piece([UInt8](data))
    }
  }

  /// Removes it.
  func remove() {
    try? FileManager.default.removeItem(atPath: path)
  }
}
