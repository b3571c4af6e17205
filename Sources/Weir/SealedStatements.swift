internal import Accounting
internal import ArgumentParser
internal import Digest
internal import Foundation
internal import Store

/// Statements in a folder, compared with a seal: no store and no server is needed.
enum SealedStatements {
  /// Statements of one period that are read at most.
  private static let filesMax = 1_000_000

  /// Reads a seal's file.
  static func seal(_ path: String) throws -> Seal {
    do {
      return try Seal(bytes: try LocalFile.bytes(path), file: path)
    } catch let error as StoreError {
      throw CommandFailure.failed(error.description)
    }
  }

  /// In what the statements of a folder differ from a seal: every `.json` file in it is one.
  static func faults(folder: String, seal path: String) throws -> [String] {
    let seal = try seal(path)
    guard let issued = seal.issued else {
      throw CommandFailure.failed("\(path) is of format 1, which says nothing of statements")
    }
    var leaves: [(tenant: String, digest: Digest256)] = []
    var faults: [String] = []
    for file in try files(folder) {
      let bytes = try LocalFile.bytes(folder + "/" + file)
      guard let document = try? JSONValue(parsing: bytes),
        let tenant = document["tenant"]?.asString
      else {
        faults.append("\(file) is not a statement")
        continue
      }
      if document["period"]?.asString != seal.period
        || document["version"]?.asInteger != seal.version
      {
        faults.append("\(file) is not of \(seal.period), version \(seal.version)")
      }
      leaves.append((tenant, SHA256.hash(bytes)))
    }
    leaves.sort { $0.tenant.utf8.lexicographicallyPrecedes($1.tenant.utf8) }
    var tree = HashTree()
    for leaf in leaves { tree.add(name: leaf.tenant, document: leaf.digest) }
    if Int64(tree.count) != issued.statements {
      faults.append("\(tree.count) statements are there, \(issued.statements) were sealed")
    }
    if tree.root != issued.statementsRoot {
      faults.append("the bytes of the statements differ from the seal")
    }
    return faults
  }

  /// Prints what was found, and ends with 1 when that is anything.
  static func report(_ faults: [String], seal: String) throws {
    print(faults.isEmpty ? "seal \(seal): holds" : "seal \(seal): DOES NOT HOLD")
    for fault in faults { print("  \(TextTable.printable(fault))") }
    if !faults.isEmpty { throw ExitCode(1) }
  }

  private static func files(_ folder: String) throws(CommandFailure) -> [String] {
    do {
      let names = try FileManager.default.contentsOfDirectory(atPath: folder)
        .filter { $0.hasSuffix(".json") }.sorted()
      guard names.count <= filesMax else {
        throw CommandFailure.failed("\(folder) has too many files")
      }
      return names
    } catch let failure as CommandFailure {
      throw failure
    } catch {
      throw .failed("cannot read \(folder): \(error.localizedDescription)")
    }
  }
}
