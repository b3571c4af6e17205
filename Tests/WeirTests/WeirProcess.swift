import Foundation
import Synchronization
import Testing

/// The program under test, as the build left it beside the tests.
struct WeirProcess {
  struct Ended {
    let code: Int32
    let output: String
    let errors: String
  }

  static func executable() throws -> URL {
    let beside = URL(fileURLWithPath: ProcessInfo.processInfo.arguments[0])
      .deletingLastPathComponent()
    let found = ["weir", "Weir"].map { beside.appendingPathComponent($0) }.first { file in
      var isFolder: ObjCBool = false
      let isThere = unsafe FileManager.default.fileExists(
        atPath: file.path, isDirectory: &isFolder)
      return isThere && !isFolder.boolValue
    }
    return try #require(found, "no weir beside \(beside.path)")
  }

  /// Runs a command to its end, away from the threads that tests run on.
  static func run(_ arguments: [String], environment: [String: String] = [:]) async throws -> Ended
  {
    let executable = try executable()
    return try await withCheckedThrowingContinuation { continuation in
      Thread.detachNewThread {
        continuation.resume(
          with: Result {
            let process = Process()
            process.executableURL = executable
            process.arguments = arguments
            process.environment = ["PATH": "/usr/bin:/bin"].merging(environment) { $1 }
            let output = Pipe()
            let errors = Pipe()
            process.standardOutput = output
            process.standardError = errors
            try process.run()
            let bytes = output.fileHandleForReading.readDataToEndOfFile()
            let complaints = errors.fileHandleForReading.readDataToEndOfFile()
            process.waitUntilExit()
            return Ended(
              code: process.terminationStatus, output: String(decoding: bytes, as: UTF8.self),
              errors: String(decoding: complaints, as: UTF8.self))
          })
      }
    }
  }
}

/// `weir allocator` as a process on free ports.
final class AllocatorProcess {
  let folder: URL
  private let process = Process()
  private(set) var server = ""

  init() throws {
    folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("weir-process-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let configuration = """
      listen: 127.0.0.1:0
      admin: 127.0.0.1:0
      store: \(path("state/weir.sqlite"))
      approvals: {people: 1}
      """
    try Data(configuration.utf8).write(to: URL(fileURLWithPath: path("weir.yaml")))
    process.executableURL = try WeirProcess.executable()
    process.arguments = ["allocator", "--config", path("weir.yaml")]
    let log = Pipe()
    process.standardError = log
    try process.run()
    server = "http://127.0.0.1:\(try Self.port(in: log.fileHandleForReading))"
    // Whatever it still has to say must not fill the pipe.
    log.fileHandleForReading.readabilityHandler = { _ = $0.availableData }
  }

  func path(_ name: String) -> String { folder.appendingPathComponent(name).path }

  private static func port(in log: FileHandle) throws -> String {
    var text = ""
    while true {
      let data = log.availableData
      text += String(decoding: data, as: UTF8.self)
      if let found = text.range(of: "api_port=") {
        let digits = text[found.upperBound...].prefix { $0.isNumber }
        if text[digits.endIndex...].first != nil { return String(digits) }
      }
      try #require(!data.isEmpty, "the allocator ended: \(text)")
    }
  }

  /// Runs a command against it, as the operator.
  func weir(_ arguments: String...) async throws -> WeirProcess.Ended {
    try await WeirProcess.run(
      arguments, environment: ["WEIR_SERVER": server, "WEIR_TOKEN_FILE": path("token")])
  }

  /// Asks it to end, and returns its exit code.
  func stop() -> Int32 {
    process.terminate()
    process.waitUntilExit()
    return process.terminationStatus
  }

  deinit {
    if process.isRunning { process.terminate() }
    try? FileManager.default.removeItem(at: folder)
  }
}
