internal import Foundation

/// The folder `seals` beside the database, with one small file for each closed period and version.
struct SealFolder: Sendable {
  private let folder: URL

  /// The folder that belongs to the store at `path`.
  init(besideStoreAt path: String) {
    folder = URL(fileURLWithPath: path).deletingLastPathComponent()
      .appendingPathComponent("seals", isDirectory: true)
  }

  /// All seals with their file names, by name.
  func all() throws(StoreError) -> [(file: String, seal: Seal)] {
    guard FileManager.default.fileExists(atPath: folder.path) else { return [] }
    var found: [(file: String, seal: Seal)] = []
    do {
      let files = try FileManager.default.contentsOfDirectory(atPath: folder.path)
      for file in files.sorted() where file.hasSuffix(".json") {
        let bytes = try Data(contentsOf: folder.appendingPathComponent(file))
        found.append((file, try Seal(bytes: [UInt8](bytes), file: file)))
      }
    } catch {
      throw Engine.error(error, during: "reading \(folder.path)")
    }
    return found
  }

  /// Writes a seal so that it is on disk when this returns; one that is there stays as it is.
  func write(_ seal: Seal) throws(StoreError) {
    let file = folder.appendingPathComponent(seal.fileName)
    guard !FileManager.default.fileExists(atPath: file.path) else { return }
    do {
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      let draft = folder.appendingPathComponent(seal.fileName + ".new")
      try Data(seal.bytes).write(to: draft)
      try FileSync.file(at: draft.path)
      try FileManager.default.moveItem(at: draft, to: file)
    } catch {
      throw Engine.error(error, during: "writing seal \(file.path)")
    }
  }
}
