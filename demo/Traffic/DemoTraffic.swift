import Glibc
import PlainHTTP
import Synchronization

/// Plans, runs, writes the ledger; exit status 0 only when everything went as planned.
@main
struct DemoTraffic {
  static func main() {
    do {
      exit(try run() ? 0 : 1)
    } catch {
      print("DemoTraffic: \(error)")
      exit(2)
    }
  }

  private static func run() throws -> Bool {
    let options = try CommandOptions(
      CommandLine.arguments,
      defaults: [
        "proxy": "127.0.0.1:8080", "tenants": "60", "seed": "1", "scale": "1",
        "ledger": "", "seconds-max": "60", "connections": "16", "domain": "demo.localhost",
        "tenant-header": "X-Tenant",
      ])
    let plan = TrafficPlan(
      tenants: try options.number("tenants"), seed: try options.number("seed"),
      scale: try options.number("scale"))
    let ledger = TrafficLedger()
    let began = Clocks.monotonicMilliseconds()
    let secondsMax: UInt64 = try options.number("seconds-max")
    try execute(
      plan, ledger, proxy: try proxy(options), threads: try options.number("connections"),
      deadline: began + secondsMax * 1000)
    let milliseconds = Clocks.monotonicMilliseconds() - began

    let objections = ledger.objections(requestsPlanned: plan.requests)
    if !options.text("ledger").isEmpty {
      let run =
        ["seed", "tenants", "scale"].map { ($0, options.text($0)) } + [
          ("requests_planned", "\(plan.requests)"), ("milliseconds", "\(milliseconds)"),
          ("complete", objections.isEmpty ? "true" : "false"),
        ]
      try TextFile.write(
        ledger.json(run: run, objections: objections) + "\n", to: options.text("ledger"))
    }
    report(ledger.total, milliseconds, objections)
    return objections.isEmpty
  }

  private static func proxy(_ options: CommandOptions) throws -> SessionRunner.ProxyAddress {
    let parts = options.text("proxy").split(separator: ":")
    guard parts.count == 2, let port = UInt16(parts[1]) else {
      throw CommandOptions.Fault("--proxy needs ADDRESS:PORT")
    }
    return SessionRunner.ProxyAddress(
      address: String(parts[0]), port: port, domain: options.text("domain"),
      tenantHeader: options.text("tenant-header"))
  }

  /// Threads take the sessions in order; none is begun after the deadline.
  private static func execute(
    _ plan: TrafficPlan, _ ledger: TrafficLedger, proxy: SessionRunner.ProxyAddress, threads: Int,
    deadline: UInt64
  ) throws {
    let queue = SessionQueue(plan.sessions)
    let running = try (0..<threads).map { _ in
      try SpawnedThread {
        var runner = SessionRunner(proxy: proxy, ledger: ledger)
        while Clocks.monotonicMilliseconds() < deadline, let session = queue.next() {
          runner.run(session)
        }
      }
    }
    for thread in running { thread.join() }
  }

  private static func report(
    _ total: TrafficTally, _ milliseconds: UInt64, _ objections: [String]
  ) {
    for objection in objections { print("DemoTraffic: \(objection)") }
    print(
      "traffic: requests=\(total.requests) sent=\(total.requestBytes) "
        + "received=\(total.responseBytes) milliseconds=\(milliseconds) "
        + "complete=\(objections.isEmpty)")
  }
}

/// Hands out sessions, each once.
final class SessionQueue: Sendable {
  private let sessions: [Session]
  private let position = Atomic<Int>(0)

  init(_ sessions: [Session]) { self.sessions = sessions }

  /// The next session, or nil when all are taken.
  func next() -> Session? {
    let index = position.wrappingAdd(1, ordering: .relaxed).oldValue
    return index < sessions.count ? sessions[index] : nil
  }
}
