internal import Foundation
internal import HTTPClient

/// The files of an import on this machine, read piece by piece: one file, standard input, or every file
/// of a folder in order of their names.
final class CostFiles {
  /// Whether they are sent in frames, each with its name.
  let isFramed: Bool

  private var paths: [String]
  private var current: FileHandle?
  private var name = ""

  /// Bytes read at once.
  private static let pieceBytes = 256 * 1024

  /// The files at a path; `-` is standard input. Hidden files of a folder, and what is no file, are left
  /// out. Throws when there is nothing to read.
  init(_ path: String) throws(CommandFailure) {
    if path == "-" {
      (isFramed, paths) = (false, ["-"])
      return
    }
    guard let isFolder = Self.isFolder(path) else {
      throw .failed("cannot read \(path): there is no such file")
    }
    isFramed = isFolder
    guard isFramed else {
      paths = [path]
      return
    }
    let found: [String]
    do {
      found = try FileManager.default.subpathsOfDirectory(atPath: path)
    } catch {
      throw .failed("cannot read \(path): \(error.localizedDescription)")
    }
    var files: [String] = []
    for name in found.sorted()
    where !name.split(separator: "/").contains(where: { $0.hasPrefix(".") }) {
      if Self.isFolder(path + "/" + name) == false { files.append(path + "/" + name) }
    }
    guard !files.isEmpty else { throw .failed("\(path) holds no file") }
    paths = files
  }

  /// The next piece of the body; nil at the end.
  func next() throws(HTTPClientError) -> [UInt8]? {
    do {
      while true {
        if let file = current {
          if let data = try file.read(upToCount: Self.pieceBytes), !data.isEmpty {
            return isFramed ? Self.length(data.count, bytes: 4) + [UInt8](data) : [UInt8](data)
          }
          try file.close()
          current = nil
          if isFramed { return Self.length(0, bytes: 4) }
        }
        guard !paths.isEmpty else { return nil }
        name = paths.removeFirst()
        current =
          name == "-" ? .standardInput : try FileHandle(forReadingFrom: URL(fileURLWithPath: name))
        if isFramed {
          let title = Array((name as NSString).lastPathComponent.utf8.prefix(1_024))
          return Self.length(title.count, bytes: 2) + title
        }
      }
    } catch {
      throw .invalidRequest("cannot read \(name): \(error.localizedDescription)")
    }
  }

  /// Whether a path is a folder; nil when nothing is there.
  private static func isFolder(_ path: String) -> Bool? {
    var isFolder: ObjCBool = false
    // Safe: the pointer is to the variable above, for the time of the call.
    let isThere = unsafe FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
    return isThere ? isFolder.boolValue : nil
  }

  private static func length(_ number: Int, bytes: Int) -> [UInt8] {
    (0..<bytes).reversed().map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) }
  }
}
