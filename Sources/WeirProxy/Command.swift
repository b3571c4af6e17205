import ArgumentParser
import Platform

/// `weir-proxy CONFIG`: serves until SIGTERM or SIGINT. `--check` only reads the configuration, `--upgrade` takes over
/// from the process that runs.
@main
struct Command: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "weir-proxy",
    abstract: "Reverse proxy that meters each tenant of a SaaS product.",
    discussion: """
      Serves until SIGTERM or SIGINT, then drains. SIGHUP reads the configuration and the \
      tenant register again; when anything in them is wrong, nothing changes.
      Exit codes: 0 served and drained, or the configuration is good; 1 cannot start, or the \
      configuration is wrong; 64 wrong usage.
      """,
    version: "weir-proxy \(ProgramVersion.text)")

  @Flag(help: "Read the configuration, name every fault, and end.")
  var check = false

  @Flag(help: "Take the listeners over from the process that runs, which then drains and ends.")
  var upgrade = false

  @Argument(help: "The configuration file (YAML).")
  var config: String

  func run() throws {
    let configuration = try read()
    if check {
      print("\(config): ok")
      return
    }
    do throws(ProcessError) {
      try ProxyProcess(configuration, path: config, takesOver: upgrade).serve()
    } catch {
      Self.complain("weir-proxy: \(error)")
      throw ExitCode(1)
    }
  }

  private func read() throws -> ProgramConfiguration {
    let (configuration, faults) = ProgramConfiguration.load(config, syscalls: Syscalls())
    guard let configuration else {
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
