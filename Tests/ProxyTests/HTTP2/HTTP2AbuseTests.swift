import Glibc
import PlainHTTP
import Platform
import TestSupport
import Testing
import Usage

@testable import Proxy

/// Floods that are cheap for a client: the connection ends with the right code, and others go on.
@Suite struct HTTP2AbuseTests {
  private typealias Client = HTTP2Client
  private typealias Frame = HTTP2Client.Frame

  static let calm: UInt32 = 11

  struct Flood: Sendable, CustomTestStringConvertible {
    let testDescription: String
    /// The frames of round `n`.
    let frames: @Sendable (UInt32) -> [HTTP2Client.Frame]
    /// What the connection ends with: some floods are errors of the connection from their first frame on.
    var code = HTTP2AbuseTests.calm
    /// What comes before them.
    var before: [HTTP2Client.Frame] = []

    init(
      _ name: String, code: UInt32 = HTTP2AbuseTests.calm, before: [HTTP2Client.Frame] = [],
      _ frames: @escaping @Sendable (UInt32) -> [HTTP2Client.Frame]
    ) {
      testDescription = name
      self.frames = frames
      self.before = before
      self.code = code
    }
  }

  static let open = HTTP2Client.head(HTTP2Client.request("POST"), stream: 1, ends: false)

  static let floods: [Flood] = [
    Flood("resets (CVE-2023-44487)") {
      [
        HTTP2Client.head(HTTP2Client.request(), stream: 2 * $0 + 1),
        Frame(HTTP2Client.resetStream, stream: 2 * $0 + 1, HTTP2Client.word(8)),
      ]
    },
    Flood("windows of 0 that are to provoke resets (CVE-2025-8671)", code: 1) {
      [
        HTTP2Client.head(HTTP2Client.request("POST"), stream: 2 * $0 + 1, ends: false),
        Frame(HTTP2Client.windowUpdate, stream: 2 * $0 + 1, HTTP2Client.word(0)),
      ]
    },
    Flood("windows too large that provoke resets (CVE-2025-8671)") {
      [
        HTTP2Client.head(HTTP2Client.request("POST"), stream: 2 * $0 + 1, ends: false),
        Frame(HTTP2Client.windowUpdate, stream: 2 * $0 + 1, HTTP2Client.word(1 << 31 - 1)),
      ]
    },
    Flood("content longer than announced that provokes resets (CVE-2025-8671)") {
      [
        HTTP2Client.head(
          HTTP2Client.request("POST", "/", [("content-length", "1")]), stream: 2 * $0 + 1,
          ends: false),
        Frame(HTTP2Client.data, stream: 2 * $0 + 1, [1, 2]),
      ]
    },
    Flood("priorities of the wrong length that are to provoke resets (CVE-2025-8671)", code: 6) {
      [
        HTTP2Client.head(HTTP2Client.request("POST"), stream: 2 * $0 + 1, ends: false),
        Frame(HTTP2Client.priority, stream: 2 * $0 + 1, [0]),
      ]
    },
    Flood("heads that break the rules") {
      [HTTP2Client.head([("X", "1")], stream: 2 * $0 + 1)]
    },
    Flood("SETTINGS") { _ in [Frame(HTTP2Client.settings)] },
    Flood("SETTINGS that change the header table") {
      [HTTP2Client.settingsFrame([(1, $0 % 2 * 4_096)])]
    },
    Flood("acknowledgements of SETTINGS", code: 1) { _ in [Frame(HTTP2Client.settings, flags: 1)] },
    Flood("PING") { _ in [Frame(HTTP2Client.ping, [0, 0, 0, 0, 0, 0, 0, 0])] },
    Flood("answers to no PING") { _ in
      [Frame(HTTP2Client.ping, flags: 1, [0, 0, 0, 0, 0, 0, 0, 0])]
    },
    Flood("PRIORITY") {
      [Frame(HTTP2Client.priority, stream: 2 * $0 + 1, [0, 0, 0, 0, 1])]
    },
    Flood("WINDOW_UPDATE") { _ in [Frame(HTTP2Client.windowUpdate, HTTP2Client.word(1))] },
    Flood("WINDOW_UPDATE of a stream", before: [open]) { _ in
      [Frame(HTTP2Client.windowUpdate, stream: 1, HTTP2Client.word(1))]
    },
    Flood("empty DATA", before: [open]) { _ in [Frame(HTTP2Client.data, stream: 1)] },
    Flood("unknown frames") { _ in [Frame(0x99, [UInt8](repeating: 1, count: 1_000))] },
    Flood(
      "DATA on a stream that is over",
      before: [open, Frame(HTTP2Client.resetStream, stream: 1, HTTP2Client.word(8))]
    ) { _ in [Frame(HTTP2Client.data, stream: 1, [UInt8](repeating: 1, count: 1_000))] },
    Flood(
      "HEADERS on a stream that is over",
      before: [open, Frame(HTTP2Client.resetStream, stream: 1, HTTP2Client.word(8))]
    ) { _ in [HTTP2Client.head(HTTP2Client.request(), stream: 1)] },
    Flood(
      "resets of a stream that is over",
      before: [open, Frame(HTTP2Client.resetStream, stream: 1, HTTP2Client.word(8))]
    ) { _ in [Frame(HTTP2Client.resetStream, stream: 1, HTTP2Client.word(8))] },
  ]

  @Test(arguments: floods, [1, 400])
  func `a flood of frames that are of no use ends the connection, and nobody else's`(
    _ flood: Flood, together: Int
  ) throws {
    let origin = try Origin { connection in
      while let head = try connection.head() {
        guard (try? connection.body(head)) != nil else { return }
        try? connection.send(ok())
      }
    }
    let rig = try http2Rig(origin)
    let good = try rig.http2()
    let client = try rig.http2()

    #expect(try good.get(stream: 1).status == 200)
    try client.send(flood.before)
    var number: UInt32 = 1
    // Bound: a flood that is not stopped is a failure.
    while number < 6_000,
      (try? client.raw.send(
        (0..<UInt32(together)).flatMap { flood.frames(number + $0) }.flatMap { $0.bytes() })) != nil
    {
      number += UInt32(together)
      if together == 1 && number % 50 == 0 && rig.counter(.http2Abusive) > 0 { break }
    }
    let code = try? client.readToEnd()
    client.raw.close()
    try rig.waitFor(.http2Connections) { $0 == 1 }
    #expect(
      rig.counter(flood.code == Self.calm ? .http2Abusive : .http2ProtocolErrors) == 1,
      "GOAWAY \(code as Any), \(number) rounds, \(rig.counter(.http2ProtocolErrors)) other errors")
    #expect(try good.get(stream: 3).status == 200)
    good.raw.close()
    try rig.awaitIdle()
    let usage = try rig.finish()

    // A client that does not read may find its connection reset before it has seen why.
    if let code, together == 1 { #expect(code == flood.code) }
    #expect(usage[.requests] <= 2 + 300)
  }

  @Test func `a field block in too many frames ends the connection`() throws {
    let rig = try http2Rig(try Origin.answering(ok()))
    let client = try rig.http2()

    try client.send(Frame(Client.headers, flags: 1, stream: 1, Client.block(Client.request())))
    for _ in 0..<20 {
      try? client.raw.send(
        Frame(Client.continuation, stream: 1, Client.block([("x", "y")])).bytes())
    }
    let code = try? client.readToEnd()
    client.raw.close()
    try rig.awaitIdle()
    let abusive = rig.counter(.http2Abusive)
    _ = try rig.finish()

    if let code { #expect(code == Self.calm) }
    #expect(abusive == 1)
  }

  @Test func `a few bytes that stand for many fields are not taken apart, and are no bargain`()
    throws
  {
    let rig = try http2Rig(try Origin.answering(ok()))
    let client = try rig.http2()
    let large = String(repeating: "a", count: 3_900)

    // One field goes into the table, and 8,000 bytes call it up again: 32 MB.
    var bomb = [UInt8]([0x40, 0x01, 0x78]) + Client.integer(large.utf8.count) + Array(large.utf8)
    bomb += [UInt8](repeating: 0xBE, count: 8_000)
    for id in [1, 3, 5, 7, 9, 11] as [UInt32] {
      try? client.send(
        Frame(
          Client.headers, flags: 5, stream: id, Client.block(Client.request()) + bomb))
    }
    let code = try? client.readToEnd()
    client.raw.close()
    try rig.awaitIdle()
    let abusive = rig.counter(.http2Abusive)
    let usage = try rig.finish()

    if let code { #expect(code == Self.calm) }
    #expect(abusive == 1)
    #expect(usage[.requests] == 0)
  }

  @Test func `a field list that is too long is answered 431`() throws {
    let rig = try http2Rig(try Origin.answering(ok()))
    let client = try rig.http2()
    let long = String(repeating: "a", count: 9_000)

    try client.send(
      Frame(
        Client.headers, flags: 1, stream: 1,
        Client.block(Client.request() + [("x", long)])))
    for number in 0..<7 {
      try client.send(
        Frame(
          Client.continuation, flags: number == 6 ? 4 : 0, stream: 1,
          Client.block([("x\(number)", long)])))
    }
    let stream = try client.finish(1)
    let next = try client.get(stream: 3)
    client.raw.close()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(stream.status == 431)
    #expect(next.status == 200)
    #expect(usage["~unattributed/~none", .endedRejected] == 1)
  }

  @Test func `header tables that are changed all the time cost no more than others`() throws {
    let rig = try http2Rig(try Origin.answering(ok()))
    let client = try rig.http2()

    for number in 0..<300 as Range<UInt32> {
      let id = 2 * number + 1
      // The table is emptied, filled with a field that throws all others out, and used.
      let value = Array("v\(number)".utf8)
      let block =
        [0x20, 0x3F, 0xE1, 0x1F] + HTTP2ConformanceTests.indexed + [0x40, 0x01, 0x78]
        + Client.integer(value.count) + value + [0xBE]
      try client.send(Frame(Client.headers, flags: 5, stream: id, block))
      #expect(try client.finish(id).status == 200)
    }
    client.raw.close()
    try rig.awaitIdle()
    _ = try rig.finish()
  }

  @Test func `a large download whose client opens windows bit by bit is no abuse`() throws {
    let size = 48_000_000
    let origin = try Origin { connection in
      while try connection.head() != nil {
        try connection.send("HTTP/1.1 200 OK\r\nContent-Length: \(size)\r\n\r\n")
        let piece = [UInt8](repeating: 7, count: 1_000_000)
        for _ in 0..<48 { try connection.send(piece) }
      }
    }
    let rig = try http2Rig(origin)
    let client = try rig.http2()

    // Two WINDOW_UPDATE frames for each DATA frame.
    let stream = try client.get(stream: 1)
    #expect(try client.roundTrip())
    client.raw.close()
    try rig.awaitIdle()
    _ = try rig.finish()

    #expect(stream.body.count == size)
    #expect(client.goAwayCode == nil)
    #expect(client.control.count < 100)
  }

  @Test func `many small pieces of a response may each be answered with windows`() throws {
    let origin = try Origin { connection in
      while try connection.head() != nil {
        try connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in 0..<3_000 { try connection.send("1\r\nx\r\n") }
        try connection.send("0\r\n\r\n")
      }
    }
    let rig = try http2Rig(origin)
    let client = try rig.http2()

    let stream = try client.get(stream: 1)
    client.raw.close()
    try rig.awaitIdle()
    _ = try rig.finish()

    #expect(stream.body.count == 3_000)
    #expect(stream.hasEnded)
    #expect(client.goAwayCode == nil)
  }

  @Test func `a large upload is no abuse`() throws {
    let rig = try http2Rig(
      try Origin { connection in
        guard let head = try connection.head() else { return }
        try connection.send(ok("\(try connection.body(head).count)"))
      })
    let client = try rig.http2()

    try client.send(head: Client.request("POST"), stream: 1, ends: false)
    try client.upload([UInt8](repeating: 1, count: 8_000_000), stream: 1)
    let stream = try client.finish(1)
    client.raw.close()
    try rig.awaitIdle()
    _ = try rig.finish()

    #expect(stream.body == Array("8000000".utf8))
  }

  @Test func `windows opened by one byte at a time end the connection`() throws {
    let rig = try http2Rig(
      try Origin.answering(ok(String(repeating: "x", count: 60_000))))
    let client = try rig.http2([(4, 0)])
    client.opensWindows = false

    try client.send(head: Client.request(), stream: 1)
    for _ in 0..<3_000 {
      guard (try? client.openWindow(1, stream: 1)) != nil else { break }
    }
    let code = try? client.readToEnd()
    client.raw.close()
    try rig.waitFor(.http2Abusive) { $0 == 1 }
    try rig.awaitIdle()
    let usage = try rig.finish()

    if let code { #expect(code == Self.calm) }
    #expect(usage[.endedClientAbort] == 1)
  }

  @Test func `a socket that takes nothing meets the time for writing`() throws {
    var stalled = 0
    for position in 0..<5 {
      // The kernel says "later", and nothing ever says "now".
      let faults = SyscallFaults(failing: position, of: [.send], with: EAGAIN)
      let rig = try ProxyRig(
        try Origin.answering(ok("hello")), syscalls: Syscalls(faults: faults)
      ) {
        $0.listeners[0].http2 = true
        $0.timeouts.clientWriteMilliseconds = 300
        $0.timeouts.bodyMilliseconds = 300
      }
      let client = try HTTP2Client(port: rig.port(), timeoutMilliseconds: 5_000)

      let isServed = (try? client.get(stream: 1).hasEnded) ?? false
      client.raw.close()
      try rig.awaitIdle()
      _ = try rig.finish()
      if !isServed {
        let count = rig.counter(.timeoutsClientWrite)
        stalled += Int(count)
        #expect(count <= 1, "position \(position)")
      }
    }
    #expect(stalled > 0)
  }

  @Test func `a window that is never opened meets the time for writing`() throws {
    let rig = try http2Rig(try Origin.answering(ok("hello"))) {
      $0.timeouts.clientWriteMilliseconds = 300
    }
    let client = try rig.http2([(4, 0)])
    client.opensWindows = false

    try client.send(head: Client.of("acme"), stream: 1)
    let stream = try client.finish(1)
    #expect(try client.roundTrip())
    client.raw.close()
    try rig.awaitIdle()
    let count = rig.counter(.timeoutsClientWrite)
    let usage = try rig.finish()

    #expect(stream.status == 200)
    #expect(stream.resetCode != nil)
    #expect(count == 1)
    #expect(usage["acme/api", .endedClientAbort] == 1)
    #expect(usage["acme/api", .responseBytes] == stream.bytesReceived)
  }

  @Test func `a head that does not end meets the time for heads`() throws {
    let rig = try http2Rig(try Origin.answering(ok())) {
      $0.timeouts.requestHeadMilliseconds = 300
    }
    let client = try rig.http2()

    // With a request before it: the first head's time is the connection's own.
    _ = try client.get(stream: 1)
    try client.send(Frame(Client.headers, flags: 1, stream: 3, Client.block(Client.request())))
    let code = try client.readToEnd()
    client.raw.close()
    try rig.awaitIdle()
    let count = rig.counter(.timeoutsRequestHead)
    _ = try rig.finish()

    #expect(code == 1)
    #expect(count == 1)
  }

  @Test func `resets of requests that were served for the most part are no abuse`() throws {
    let rig = try http2Rig(try Origin.answering(ok()))
    let client = try rig.http2()

    for number in 0..<400 as Range<UInt32> {
      let id = 4 * number + 1
      #expect(try client.get(stream: id).status == 200)
      try client.send(
        Client.head(Client.request(), stream: id + 2),
        Frame(Client.resetStream, stream: id + 2, Client.word(8)))
    }
    #expect(try client.roundTrip())
    client.raw.close()
    try rig.awaitIdle()
    _ = try rig.finish()

    #expect(client.goAwayCode == nil)
  }
}
