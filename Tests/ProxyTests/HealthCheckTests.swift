import PlainHTTP
import Platform
import Synchronization
import TestSupport
import Testing
import Usage

@testable import Proxy

@Suite struct HealthCheckTests {
  static let get = "GET / HTTP/1.1\r\nHost: h\r\nX-Tenant: acme\r\n\r\n"

  /// Results of checks (+ and -) with rise 2 and fall 3, and the verdict after each (U and D).
  @Test(arguments: [
    ("+++", "UUU"), ("--+--+", "UUUUUU"), ("---", "UUD"), ("---+-+-+", "UUDDDDDD"),
    ("---++", "UUDDU"), ("---++---++", "UUDDUUUDDU"), ("-----++", "UUDDDDU"),
  ])
  func `a verdict turns after as many results in a row as it takes`(
    results: String, verdicts: String
  ) {
    var verdict = HealthVerdict()
    var seen = ""

    for result in results {
      let before = verdict.isUp
      let turned = verdict.note(isGood: result == "+", rise: 2, fall: 3)
      #expect(turned == (verdict.isUp != before))
      seen += verdict.isUp ? "U" : "D"
    }

    #expect(seen == verdicts)
  }

  private static func quick(_ health: inout HealthCheckConfiguration) {
    health.intervalMilliseconds = 20
    health.timeoutMilliseconds = 5_000
    health.rise = 1
    health.fall = 1
    health.path = "/healthz"
  }

  /// Checks one address and waits for the first verdict or result.
  private static func check(
    _ port: UInt16, _ change: (inout HealthCheckConfiguration) -> Void
  ) throws -> (isUp: Bool, reason: String) {
    var health = HealthCheckConfiguration()
    quick(&health)
    change(&health)
    var configuration = UpstreamConfiguration(
      name: "u", addresses: [SocketAddress(bytes: [127, 0, 0, 1], port: port)!])
    configuration.health = health
    let board = UpstreamBoard(configuration)
    let reasons = Reasons()
    let checker = try HealthChecker(syscalls: Syscalls(), clock: .system) { event in
      if case .isDown(_, _, let reason) = event { reasons.list.withLock { $0.append(reason) } }
    }
    try checker.start()
    checker.watch([board])
    defer { checker.stop() }
    try awaitCondition("a check") { board.checkCounts.good + board.checkCounts.failed > 0 }
    try awaitCondition("its verdict") {
      board.checkCounts.failed == 0 || !reasons.list.withLock { $0.isEmpty }
    }
    return (board.addressCounts.healthy == 1, reasons.list.withLock { $0.first ?? "" })
  }

  @Test(arguments: [Syscall.socket, .epollControl])
  func `a check that cannot be made for want of our own is no verdict on the address`(
    call: Syscall
  ) throws {
    let origin = try Origin.answering(ok())
    var health = HealthCheckConfiguration()
    Self.quick(&health)
    var configuration = UpstreamConfiguration(
      name: "u", addresses: [SocketAddress(bytes: [127, 0, 0, 1], port: origin.port)!])
    configuration.health = health
    let board = UpstreamBoard(configuration)
    let faults = SyscallFaults()
    let checker = try HealthChecker(syscalls: Syscalls(faults: faults), clock: .system) { _ in }
    try checker.start()
    faults.failAll(call, with: 24)
    let before = faults.calls.count
    checker.watch([board])
    defer { checker.stop() }

    try awaitCondition("tries") { faults.calls.dropFirst(before).count { $0 == call } >= 3 }
    #expect(board.checkCounts.failed == 0)
    #expect(board.addressCounts.healthy == 1)
    faults.recover()
    try awaitCondition("a check") { board.checkCounts.good > 0 }

    #expect(board.checkCounts.failed == 0)
  }

  private final class Reasons: Sendable {
    let list = Mutex<[String]>([])
  }

  /// Answers to a check, and why they do not do; nothing for those that do.
  @Test(arguments: [
    ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ""),
    ("HTTP/1.1 299 OK\r\nContent-Length: 100\r\n\r\nnot all of it", ""),
    ("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", ""),
    ("HTTP/1.0 200 OK\r\n\r\n", ""), ("HTTP/1.1 300 X\r\nContent-Length: 0\r\n\r\n", "was 300"),
    ("HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n", "was 503"), ("", "closed without an answer"),
    ("HTTP/1.1 200", "closed without an answer"), ("SSH-2.0-x\r\n\r\n", "not valid HTTP"),
  ])
  func `an answer is judged by its status`(answer: String, reason: String) throws {
    let origin = try Origin { connection in
      guard try connection.head() != nil else { return }
      try connection.send(answer)
    }

    let verdict = try Self.check(origin.port) { _ in }

    #expect(verdict.isUp == reason.isEmpty, "\(verdict)")
    #expect(verdict.reason.contains(reason), "\(verdict)")
    let head = try #require(origin.heads.first)
    #expect(head.hasPrefix("GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:\(origin.port)\r\n"))
  }

  @Test func `an upstream that does not answer in time is not well`() throws {
    let origin = try Origin { _ = try $0.drain() }

    let verdict = try Self.check(origin.port) { $0.timeoutMilliseconds = 50 }

    #expect(!verdict.isUp)
    #expect(verdict.reason.contains("within 50 ms"))
  }

  @Test func `a TCP check asks for a connection and nothing more`() throws {
    let origin = try Origin { _ = try $0.drain() }

    #expect(try Self.check(origin.port) { $0.kind = .tcp }.isUp)
    let refused = try Self.check(try unusedPort()) { $0.kind = .tcp }

    #expect(!refused.isUp)
    #expect(origin.heads.isEmpty)
  }

  @Test func `requests go to well addresses only, and checks are never metered`() throws {
    let isWell = Gate()
    let good = try Origin.answering(ok())
    let other = try Origin.answering { head, _ in
      if head.start[1] == "/healthz" && !isWell.isOpen {
        return "HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n"
      }
      return ok()
    }
    let rig = try ProxyRig(upstream: [good.port, other.port], origins: [good, other]) {
      $0.upstreams[0].balancing = .roundRobin
      var health = HealthCheckConfiguration()
      Self.quick(&health)
      $0.upstreams[0].health = health
    }
    let board = rig.server.boards[0]
    let client = try rig.client()
    func requests(_ origin: Origin) -> Int { origin.heads.count { !$0.hasPrefix("GET /healthz") } }

    try awaitCondition("a verdict") { board.addressCounts.healthy == 1 }
    for _ in 0..<10 {
      try client.send(Self.get)
      #expect(try client.readResponse().status == 200)
    }
    #expect(requests(other) == 0)
    isWell.pass()
    try awaitCondition("a better verdict") { board.addressCounts.healthy == 2 }
    for _ in 0..<10 {
      try client.send(Self.get)
      #expect(try client.readResponse().status == 200)
    }
    client.close()
    let usage = try rig.finish()

    #expect(requests(good) == 15)
    #expect(requests(other) == 5)
    #expect(board.checkCounts.turnsDown == 1)
    #expect(board.checkCounts.turnsUp == 1)
    #expect(usage[.requests] == 20)
    #expect(usage[.attempts] == 20)
    let heads = (good.heads + other.heads).filter { !$0.hasPrefix("GET /healthz") }
    #expect(usage[.upstreamRequestBytes] == heads.reduce(0) { $0 + UInt64($1.utf8.count) })
    #expect(usage[.upstreamResponseBytes] == UInt64(20 * ok().utf8.count))
  }
}
