import ArgumentParser
import Platform

/// `weir-proxy CONFIG`: serves until SIGTERM or SIGINT. `--check` only reads the configuration.
@main
struct Command: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "weir-proxy",
    abstract: "Reverse proxy that meters each tenant of a SaaS product.",
    discussion: """
      Serves until SIGTERM or SIGINT, then drains. SIGHUP reads the tenant register again.
      Exit codes: 0 served and drained, or the configuration is good; 1 cannot start, or the \
      configuration is wrong; 64 wrong usage.
      """,
    version: "weir-proxy \(ProgramVersion.text)")

  @Flag(help: "Read the configuration, name every fault, and end.")
  var check = false

  @Argument(help: "The configuration file (YAML).")
  var config: String

  func run() throws {
    let configuration = try read()
    if check {
      print("\(config): ok")
      return
    }
    do throws(ProcessError) {
      try ProxyProcess(configuration).serve()
    } catch {
      Self.complain("weir-proxy: \(error)")
      throw ExitCode(1)
    }
  }

  private func read() throws -> ProgramConfiguration {
    let bytes: [UInt8]
    do throws(SystemError) {
      bytes = try Syscalls().readFile(config, bytesMax: 4 << 20)
    } catch {
      Self.complain("weir-proxy: cannot read \(config): \(error)")
      throw ExitCode(1)
    }
    let (configuration, faults) = ProgramConfiguration.read(String(decoding: bytes, as: UTF8.self))
    guard faults.isEmpty else {
      Self.complain(
        "weir-proxy: \(config) has \(faults.count) fault\(faults.count == 1 ? "" : "s"):")
      for fault in faults { Self.complain("  \(fault)") }
      throw ExitCode(1)
    }
    return configuration
  }

  /// Writes a line to standard error.
  static func complain(_ line: String) {
    let bytes = Array((line + "\n").utf8)
    // Safe: every bit pattern is a valid byte.
    try? unsafe Syscalls().writeAll(2, bytes.span.bytes)
  }
}
