import PlainHTTP
import Platform
import TestSupport
import Testing
import Usage

@testable import Proxy

/// Request ids and hop-by-hop rules through a whole proxy.
@Suite struct EdgeRulesTests {
  /// Sends a request, returns the response and what the origin got; the listener trusts 127.0.0.1 or nobody.
  static func exchange(
    _ fields: String, isTrusted: Bool = true, method: String = "GET",
    answer: String = ok(), _ change: (inout ProxyConfiguration) -> Void = { _ in }
  ) throws -> (response: RawClient.Response, head: String?, usage: Measured) {
    let origin = try Origin.answering(answer)
    let rig = try ProxyRig(origin) {
      if !isTrusted { $0.listeners[0].trusted = [] }
      change(&$0)
    }
    let client = try rig.client()
    try client.send("\(method) / HTTP/1.1\r\nHost: h\r\n\(fields)\r\n")
    let response = try client.readResponse(method: method)
    client.close()
    try rig.awaitIdle()
    let usage = try rig.finish()
    #expect(usage[.responseBytes] == response.bytes)
    return (response, origin.heads.first, usage)
  }

  /// The value of a field in a head.
  static func value(_ name: String, in head: String?) -> String? {
    head?.split(separator: "\r\n").first { $0.lowercased().hasPrefix(name + ": ") }
      .map { String($0.dropFirst(name.count + 2)) }
  }

  @Test func `every request gets an id, which is a trusted peer's when it sent one`() throws {
    let made = try Self.exchange("")
    let kept = try Self.exchange("X-Request-Id: abc-1\r\n")
    let stranger = try Self.exchange("X-Request-Id: abc-1\r\n", isTrusted: false)
    let bad = try Self.exchange("X-Request-Id: a b\r\n")
    let double = try Self.exchange("X-Request-Id: a\r\nX-Request-Id: b\r\n")

    #expect(Self.value("x-request-id", in: kept.head) == "abc-1")
    for exchange in [made, stranger, bad, double] {
      #expect(Self.value("x-request-id", in: exchange.head)?.utf8.count == 32)
    }
    #expect(Self.value("traceparent", in: made.head)?.utf8.count == 55)
    #expect(made.response.head.value("x-request-id") == nil)
  }

  @Test func `a configured field carries the id, and the client gets it when asked for`() throws {
    let answer = ok("ok", fields: "X-Id: of-the-upstream\r\n")
    let (response, head, _) = try Self.exchange("X-Id: mine\r\n", answer: answer) {
      $0.headers.requestID = "X-Id"
      $0.headers.returnsRequestID = true
    }

    #expect(Self.value("x-id", in: head) == "mine")
    #expect(response.head.fields.filter { $0.name.lowercased() == "x-id" }.map(\.value) == ["mine"])
    #expect(String(decoding: response.body, as: UTF8.self) == "ok")
  }

  @Test func `without a field there is no id`() throws {
    let (response, head, _) = try Self.exchange("", answer: "HTTP/1.1 200") {
      $0.headers.requestID = nil
      $0.routes[0].host = "other"
    }

    #expect(head == nil)
    #expect(response.status == 404)
    #expect(!String(decoding: response.body, as: UTF8.self).contains("request_id"))
  }

  @Test func `an answer of Weir's own says the id`() throws {
    let (response, _, _) = try Self.exchange("X-Request-Id: abc-1\r\n") {
      $0.routes[0].host = "other"
      $0.headers.returnsRequestID = true
    }
    let body = String(decoding: response.body, as: UTF8.self)

    #expect(response.status == 404)
    #expect(body.hasSuffix("\"request_id\":\"abc-1\"}}"), "\(body)")
    #expect(response.head.value("x-request-id") == "abc-1")
  }

  @Test func `a head that cannot be read has an id too`() throws {
    let (response, _, usage) = try Self.exchange("Host: twice\r\n")
    let body = String(decoding: response.body, as: UTF8.self)

    #expect(response.status == 400)
    #expect(body.contains("\"request_id\":\""))
    #expect(usage["~unattributed/~none", .responseBodyBytes] == UInt64(response.body.count))
  }

  @Test(arguments: [
    "X-Tenant", "x-weir-tenant", "X_Tenant", "X-Request-Id", "x-forwarded-for",
    "Host", "traceparent", "Authorization", "Content-Length",
  ])
  func `Connection may not name what the next hop relies on`(option: String) throws {
    let (response, head, usage) = try Self.exchange(
      "Connection: close, \(option)\r\nX-Tenant: acme\r\n")

    #expect(response.status == 400)
    #expect(String(decoding: response.body, as: UTF8.self).contains("connection_option_forbidden"))
    #expect(head == nil)
    #expect(usage["~unattributed/~none", .endedRejected] == 1)
  }

  @Test(arguments: [("TRACE", 405), ("CONNECT", 400)])
  func `methods that would turn the proxy around are not passed on`(method: String, status: Int)
    throws
  {
    let (response, head, _) = try Self.exchange("", method: method)

    #expect(response.status == status)
    #expect(head == nil)
  }
}
