import PlainHTTP
import TestSupport
import Testing
import Usage

@testable import Proxy

/// Random sequences of requests over several connections against a ledger that the clients keep.
@Suite struct RandomMixTests {
  /// What a client knows of one tenant.
  struct Ledger {
    var requests: UInt64 = 0
    var requestBytes: UInt64 = 0
    var requestBodyBytes: UInt64 = 0
    var responseBytes: UInt64 = 0
    var responseBodyBytes: UInt64 = 0
    var rejected: UInt64 = 0
    var failed: UInt64 = 0
  }

  /// Answers as the path says: framing, size, interim answers.
  static func origin() throws -> Origin {
    try Origin { connection in
      while let head = try connection.head() {
        let body = try connection.body(head)
        let words = head.start[1].split(separator: "/").map(String.init)
        let isHead = head.start[0] == "HEAD"
        let content = isHead ? "" : String(repeating: "c", count: Int(words[1])!)
        if body.count > 0 && body.count % 7 == 0 { try connection.send("HTTP/1.1 102 P\r\n\r\n") }
        switch words[0] {
        case "length": try connection.send(ok(content))
        case "chunked":
          try connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
          if isHead { continue }
          for start in stride(from: 0, to: content.utf8.count, by: 3_000) {
            let piece = content.utf8.dropFirst(start).prefix(3_000)
            try connection.send("\(String(piece.count, radix: 16))\r\n\(String(piece)!)\r\n")
          }
          try connection.send("0\r\nX-T: 1\r\n\r\n")
        case "empty": try connection.send("HTTP/1.1 204 No Content\r\n\r\n")
        case "bad":
          try connection.send("HTTP/1.1 2x0 OK\r\n\r\n")
          return
        default:
          try connection.send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + content)
          return
        }
      }
    }
  }

  struct Exchange {
    let tenant: String
    let method: String
    let kind: String
    let text: String
    let content: Int
    let size: Int
  }

  static func exchange(_ generator: inout SplitMix64) -> Exchange {
    let tenant = "t\(Int.random(in: 0..<5, using: &generator))"
    let kinds = ["length", "chunked", "empty", "close", "bad", "nowhere", "length", "chunked"]
    let kind = kinds.randomElement(using: &generator)!
    let method = ["GET", "HEAD", "POST", "PUT"].randomElement(using: &generator)!
    let size = Int.random(in: 0...20_000, using: &generator)
    let content =
      ["POST", "PUT"].contains(method) ? Int.random(in: 0...20_000, using: &generator) : 0
    var text =
      "\(method) /\(kind)/\(size) HTTP/1.1\r\nHost: \(kind == "nowhere" ? "other" : "h")\r\n"
      + "X-Tenant: \(tenant)\r\nTE: trailers\r\n"
    if content > 0 && Bool.random(using: &generator) {
      text += "Transfer-Encoding: chunked\r\n\r\n"
      var rest = content
      while rest > 0 {
        let piece = Int.random(in: 1...rest, using: &generator)
        text += "\(String(piece, radix: 16))\r\n\(String(repeating: "b", count: piece))\r\n"
        rest -= piece
      }
      text += "0\r\n\r\n"
    } else {
      text += "Content-Length: \(content)\r\n\r\n" + String(repeating: "b", count: content)
    }
    return Exchange(
      tenant: tenant, method: method, kind: kind, text: text, content: content, size: size)
  }

  /// Does one exchange and books it; false when the connection cannot be used again.
  static func run(
    _ exchange: Exchange, _ client: RawClient, _ ledger: inout [String: Ledger], _ seed: Comment
  ) throws -> Bool {
    var generator = SplitMix64(seed: UInt64(exchange.text.utf8.count))
    var rest = Array(exchange.text.utf8)[...]
    let before = client.socket.bytesReceived
    while !rest.isEmpty {
      let count = Int.random(in: 1...max(1, rest.count), using: &generator)
      try client.send(Array(rest.prefix(count)))
      rest = rest.dropFirst(count)
    }
    let response = try client.readResponse(method: exchange.method)
    let key = exchange.kind == "nowhere" ? "\(exchange.tenant)/~none" : "\(exchange.tenant)/api"
    ledger[key, default: Ledger()].requests += 1
    ledger[key]?.responseBytes += client.socket.bytesReceived - before
    ledger[key]?.responseBodyBytes += UInt64(response.body.count)
    ledger[key]?.requestBytes += UInt64(exchange.text.utf8.count)
    ledger[key]?.requestBodyBytes += UInt64(exchange.content)
    switch exchange.kind {
    case "nowhere":
      #expect(response.status == 404, seed)
      ledger[key]?.rejected += 1
      // Its body is not the request's if it was not read: leave such a connection out of the books.
      if exchange.content > 0 {
        ledger[key]?.requestBytes -= UInt64(
          exchange.text.utf8.count - exchange.text.headLength)
        ledger[key]?.requestBodyBytes -= UInt64(exchange.content)
      }
    case "bad":
      #expect(response.status == 502, seed)
      ledger[key]?.failed += 1
    case "empty": #expect(response.status == 204, seed)
    default:
      #expect(response.status == 200, seed)
      if exchange.method != "HEAD" { #expect(response.body.count == exchange.size, seed) }
    }
    return response.head.value("connection") != "close"
  }

  @Test(arguments: [1, 3])
  func `the sums of every tenant are the clients' own ledger`(workers: Int) throws {
    let seed = TestSeed()
    let comment = Comment(rawValue: "\(seed)")
    var generator = seed.generator
    let origin = try Self.origin()
    let rig = try ProxyRig(origin) {
      $0.routes[0].host = "h"
      $0.workers = workers
    }
    var ledger: [String: Ledger] = [:]
    var clients: [RawClient?] = [nil, nil, nil]
    var (sent, received): (UInt64, UInt64) = (0, 0)

    for turn in 0..<250 {
      let index = Int.random(in: 0..<clients.count, using: &generator)
      let client = try clients[index] ?? rig.client()
      clients[index] = client
      if try !Self.run(Self.exchange(&generator), client, &ledger, comment) {
        _ = try client.readToEnd()
        sent += client.socket.bytesSent
        received += client.socket.bytesReceived
        client.close()
        clients[index] = nil
      }
      if turn % 50 == 49 { try rig.rotate() }
    }
    for case let client? in clients {
      sent += client.socket.bytesSent
      received += client.socket.bytesReceived
      client.close()
    }
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(usage.keys == Set(ledger.keys), comment)
    for (key, book) in ledger {
      let place = Comment(rawValue: "\(seed) \(key)")
      #expect(usage[key, .requests] == book.requests, place)
      #expect(usage[key, .requestBytes] == book.requestBytes, place)
      #expect(usage[key, .requestBodyBytes] == book.requestBodyBytes, place)
      #expect(usage[key, .responseBytes] == book.responseBytes, place)
      #expect(usage[key, .responseBodyBytes] == book.responseBodyBytes, place)
      #expect(usage[key, .endedRejected] == book.rejected, place)
      #expect(usage[key, .endedUpstreamFailure] == book.failed, place)
      #expect(
        usage[key, .endedCompleted] == book.requests - book.rejected - book.failed, place)
    }
    #expect(usage[.requestBytes] + usage[.receivedBytes] == sent, comment)
    #expect(usage[.responseBytes] == received, comment)
    #expect(usage[.upstreamRequestBytes] == origin.bytesReceived, comment)
    #expect(usage[.upstreamResponseBytes] == origin.bytesSent, comment)
  }
}

extension String {
  /// Bytes through the first empty line.
  fileprivate var headLength: Int {
    let bytes = Array(utf8)
    for index in 3..<bytes.count
    where bytes[index - 3...index].elementsEqual([0x0D, 0x0A, 0x0D, 0x0A]) { return index + 1 }
    return bytes.count
  }
}
