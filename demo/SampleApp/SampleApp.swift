import Glibc
import PlainHTTP
import Synchronization

/// Reads the options, serves until SIGTERM, writes the ledger.
@main
struct SampleApp {
  static func main() {
    do {
      try run()
    } catch {
      print("SampleApp: \(error)")
      exit(1)
    }
  }

  private static func run() throws {
    Termination.block()
    let options = try CommandOptions(
      CommandLine.arguments,
      defaults: [
        "port": "0", "port-file": "", "name": "app", "tenant-header": "X-Weir-Tenant",
        "ledger": "", "connections-max": "256",
      ])
    let listener = try ListeningSocket(port: try options.number("port"))
    let ledger = ServedLedger(name: options.text("name"))
    let server = Server(
      listener: listener, ledger: ledger,
      tenantHeader: options.text("tenant-header").lowercased())
    let threads = try server.start(connectionsMax: try options.number("connections-max"))
    print("SampleApp \(options.text("name")) on 127.0.0.1:\(listener.port)")
    fflush(nil)
    if !options.text("port-file").isEmpty {
      try TextFile.write("\(listener.port)\n", to: options.text("port-file"))
    }

    Termination.wait()
    server.drain(threads, withinMilliseconds: 5_000)
    if !options.text("ledger").isEmpty {
      try TextFile.write(ledger.json() + "\n", to: options.text("ledger"))
    }
    exit(0)
  }
}
