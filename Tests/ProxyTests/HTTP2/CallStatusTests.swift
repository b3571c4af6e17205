import HTTPCodec
import PlainHTTP
import Platform
import TestSupport
import Testing
import Usage

@testable import Proxy

/// The class of a gRPC call's status, as it is counted for its tenant.
struct CallStatusTests {
  typealias Client = HTTP2Client
  typealias Peer = HTTP2Origin

  /// One call: what the upstream sends, and the class that it counts in, or nil for none.
  struct Call: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var send: @Sendable (Peer, UInt32) throws -> Void
    var quantity: Quantity?

    init(
      _ name: String, _ quantity: Quantity?,
      _ send: @escaping @Sendable (Peer, UInt32) throws -> Void
    ) {
      testDescription = name
      self.quantity = quantity
      self.send = send
    }
  }

  private static func head(_ stream: UInt32, _ fields: [(String, String)] = []) -> Client.Frame {
    Peer.head(stream, 200, [("content-type", "application/grpc")] + fields)
  }

  private static func trailers(_ stream: UInt32, _ statuses: String...) -> Client.Frame {
    Client.head(statuses.map { ("grpc-status", $0) }, stream: stream, ends: true)
  }

  static let calls = [
    Call("in trailers, OK", .grpcOK) {
      try $0.send(head($1), Peer.data($1, [1], ends: false), trailers($1, "0"))
    },
    Call("in trailers, not found", .grpcClientErrors) {
      try $0.send(head($1), Peer.data($1, [1], ends: false), trailers($1, "5"))
    },
    Call("in trailers, unavailable", .grpcServerErrors) {
      try $0.send(head($1), trailers($1, "14"))
    },
    Call("in the only head", .grpcClientErrors) {
      try $0.send(Peer.head($1, 200, [("grpc-status", "7")], ends: true))
    },
    Call("trailers replace the head's", .grpcServerErrors) {
      try $0.send(head($1, [("grpc-status", "0")]), trailers($1, "13"))
    },
    Call("the last of two", .grpcOK) { try $0.send(head($1), trailers($1, "13", "0")) },
    Call("above the last code", .grpcServerErrors) { try $0.send(head($1), trailers($1, "17")) },
    Call("no number", .grpcServerErrors) { try $0.send(head($1), trailers($1, "-1")) },
    Call("too long", .grpcServerErrors) { try $0.send(head($1), trailers($1, "000")) },
    Call("empty", .grpcServerErrors) { try $0.send(head($1), trailers($1, "")) },
    Call("none", .grpcServerErrors) { try $0.send(head($1), Peer.data($1, [1])) },
    Call("none, HTTP 403", .grpcClientErrors) { try $0.send(Peer.head($1, 403, ends: true)) },
    Call("none, HTTP 404", .grpcServerErrors) { try $0.send(Peer.head($1, 404, ends: true)) },
    Call("none, HTTP 503", .grpcServerErrors) { try $0.send(Peer.head($1, 503, ends: true)) },
    Call("cut off", .grpcServerErrors) {
      try $0.send(
        head($1), Peer.data($1, [1], ends: false),
        Client.Frame(Client.resetStream, stream: $1, Client.word(2)))
    },
    Call("an answer of Weir's own", .grpcServerErrors) {
      try $0.send(Client.Frame(Client.resetStream, stream: $1, Client.word(2)))
    },
  ]

  @Test(arguments: calls)
  func `a call counts in the class of its status`(_ call: Call) throws {
    let origin = try Origin.http2Answering { try call.send($0, $1.id) }
    let rig = try http2UpstreamRig(origin)
    let client = try rig.http2()

    try client.send(
      head: Client.of("acme", "POST", "/a.B/C", [("content-type", "application/grpc")]),
      stream: 1, ends: true)
    _ = try client.finish(1)
    try client.leave()
    try rig.awaitIdle()
    let usage = try rig.finish()

    for quantity in [Quantity.grpcOK, .grpcClientErrors, .grpcServerErrors] {
      #expect(usage["acme/api", quantity] == (quantity == call.quantity ? 1 : 0), "\(quantity)")
      #expect(usage[quantity] == (quantity == call.quantity ? 1 : 0), "\(quantity)")
    }
    #expect(usage["acme/api", .requests] == 1)
  }

  @Test func `a call that its client leaves, and what is no call, count in no class`() throws {
    let origin = try Origin.http2Answering { peer, request in
      if request["content-type"] == nil {
        return try peer.send(Peer.head(request.id, 200, [("grpc-status", "0")], ends: true))
      }
      try peer.send(Self.head(request.id))
    }
    let rig = try http2UpstreamRig(origin)
    let client = try rig.http2()

    try client.send(
      head: Client.of("acme", "POST", "/a.B/C", [("content-type", "application/grpc")]),
      stream: 1, ends: true)
    while client.streams[1]?.status != 200 { _ = try #require(try client.readFrame()) }
    try client.send(Client.Frame(Client.resetStream, stream: 1, Client.word(8)))
    try client.send(head: Client.of("acme"), stream: 3)
    _ = try client.finish(3)
    try client.leave()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(usage[.grpcOK] + usage[.grpcClientErrors] + usage[.grpcServerErrors] == 0)
    #expect(usage[.endedClientAbort] == 1 && usage[.endedCompleted] == 1)
  }

  @Test(arguments: [(true, Quantity.grpcClientErrors), (false, .grpcServerErrors)])
  func `a call that is refused before it has an upstream counts, too`(
    isBlocked: Bool, quantity: Quantity
  ) throws {
    let origin = try Origin.http2Answering { peer, request in try peer.answer(request.id) }
    let rig = try http2UpstreamRig(origin) {
      // 403, and 413.
      if isBlocked {
        $0.tenantLimits.tenants[TenantID("acme")!] = TenantLimitTests.limit { $0.isBlocked = true }
      } else {
        $0.routes[0].bodyBytesMax = 10
      }
    }
    let client = try rig.http2()

    try client.send(
      head: Client.of(
        "acme", "POST", "/a.B/C",
        [("content-type", "application/grpc"), ("content-length", "11")]),
      stream: 1, ends: false)
    let stream = try client.finish(1)
    try client.leave()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(stream.status == (isBlocked ? 403 : 413))
    #expect(usage["acme/api", quantity] == 1)
    #expect(usage[.grpcOK] + usage[.grpcClientErrors] + usage[.grpcServerErrors] == 1)
    #expect(usage[.endedRejected] == 1 && usage[.attempts] == 0)
  }

  @Test func `a call that is cut off is no success, whatever its response's head has said`() throws
  {
    let origin = try Origin.http2 { peer in
      try peer.read { peer.requests[1] != nil }
      try peer.send(Self.head(1, [("grpc-status", "0")]))
      try? peer.drain()
    }
    let rig = try http2UpstreamRig(origin)
    let client = try rig.client()

    try client.send(
      "POST /a.B/C HTTP/1.1\r\nHost: h\r\nX-Tenant: acme\r\nContent-Type: application/grpc\r\n"
        + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
    #expect(try client.readHead()?.hasPrefix("HTTP/1.1 200 ") == true)
    try client.send("no size\r\n")
    _ = try? client.readToEnd()
    client.close()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(usage["acme/api", .endedRejected] == 1)
    #expect(usage["acme/api", .grpcServerErrors] == 1)
    #expect(usage[.grpcOK] == 0)
  }

  @Test func `codes stand where google.rpc.Code puts them`() {
    let classes: [Quantity] = (0...20).map { CallStatus.quantity(of: UInt8($0)) }

    let (ok, client, server) = (
      Quantity.grpcOK, Quantity.grpcClientErrors, Quantity.grpcServerErrors
    )
    #expect(
      classes == [
        ok, client, server, client, server, client, client, client, client, client, client, client,
        server, server, server, server, client, server, server, server, server,
      ])
  }
}
