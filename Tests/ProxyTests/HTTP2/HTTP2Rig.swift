import PlainHTTP
import TestSupport
import Testing
import Usage

@testable import Proxy

/// A proxy that speaks HTTP/2 in clear text.
func http2Rig(
  _ origin: Origin, _ change: (inout ProxyConfiguration) -> Void = { _ in }
) throws -> ProxyRig {
  try ProxyRig(origin) { configuration in
    configuration.listeners[0].http2 = true
    change(&configuration)
  }
}

extension ProxyRig {
  /// A client that has sent its preface.
  func http2(_ settings: [(id: UInt16, value: UInt32)] = []) throws -> HTTP2Client {
    try HTTP2Client(port: port(), settings: settings)
  }
}

extension HTTP2Client {
  /// The fields of a request of one tenant.
  static func of(
    _ tenant: String, _ method: String = "GET", _ path: String = "/",
    _ fields: [(String, String)] = []
  ) -> [(String, String)] {
    request(method, path, [("x-tenant", tenant)] + fields)
  }
}

extension Measured {
  /// Expects that every byte of these connections, which have come to their end, is a request's or the listener's.
  func expectEveryByte(
    of clients: [HTTP2Client], sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let sent = clients.reduce(0) { $0 + $1.raw.socket.bytesSent }
    let received = clients.reduce(0) { $0 + $1.raw.socket.bytesReceived }
    #expect(
      self[.requestBytes] + self[ConnectionQuantity.receivedBytes] == sent,
      "\(self[.requestBytes]) + \(self[ConnectionQuantity.receivedBytes])",
      sourceLocation: sourceLocation)
    #expect(
      self[.responseBytes] + self[ConnectionQuantity.sentBytes] == received,
      "\(self[.responseBytes]) + \(self[ConnectionQuantity.sentBytes])",
      sourceLocation: sourceLocation)
  }
}

/// Content that differs at every place.
func pattern(_ count: Int) -> [UInt8] {
  (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
}

/// An origin that answers with what it received, its length announced.
func echo() throws -> Origin {
  try Origin { connection in
    while let head = try connection.head() {
      let body = try connection.body(head)
      try connection.send("HTTP/1.1 200 OK\r\nContent-Length: \(body.count)\r\n\r\n")
      if head.start[0] != "HEAD" { try connection.send(body) }
    }
  }
}
