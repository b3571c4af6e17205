import PlainHTTP
import TestSupport
import Testing
import Usage

@testable import Proxy

/// What a server must do with each frame, in the order of RFC 9113 and RFC 7541.
@Suite struct HTTP2ConformanceTests {
  private typealias Client = HTTP2Client
  typealias Frame = HTTP2Client.Frame

  /// What the proxy does with some frames.
  enum Reaction: Sendable, Equatable {
    /// GOAWAY with one of these codes, and the end of the connection.
    case connectionError([UInt32])
    /// RST_STREAM with one of these codes, or the same as an error of the connection (RFC 9113 §5.4.2).
    case streamError([UInt32])
    /// The stream is answered with this status.
    case answered(Int)
    /// Nothing: the connection goes on.
    case ignored
    /// The connection ends, with or without a word.
    case closed
  }

  struct Case: Sendable, CustomTestStringConvertible {
    let rule: String
    let bytes: [UInt8]
    let reaction: Reaction

    init(_ rule: String, _ frames: [Frame], _ reaction: Reaction) {
      self.init(rule, bytes: frames.flatMap { $0.bytes() }, reaction)
    }

    init(_ rule: String, bytes: [UInt8], _ reaction: Reaction) {
      self.rule = rule
      self.bytes = bytes
      self.reaction = reaction
    }

    var testDescription: String { rule }
  }

  static let noError: UInt32 = 0, protocolError: UInt32 = 1, flowControl: UInt32 = 3
  static let streamClosed: UInt32 = 5, frameSize: UInt32 = 6, refused: UInt32 = 7
  static let compression: UInt32 = 9, calm: UInt32 = 11

  static func get(_ stream: UInt32 = 1) -> Frame { Client.head(Client.request(), stream: stream) }
  static func post(_ stream: UInt32 = 1, _ fields: [(String, String)] = []) -> Frame {
    Client.head(Client.request("POST", "/", fields), stream: stream, ends: false)
  }
  static func data(
    _ count: Int, stream: UInt32 = 1, flags: UInt8 = Client.endStream
  ) -> Frame {
    Frame(Client.data, flags: flags, stream: stream, [UInt8](repeating: 0x61, count: count))
  }
  /// A HEADERS frame of a field block as it is.
  static func raw(_ block: [UInt8], stream: UInt32 = 1, flags: UInt8 = 5) -> Frame {
    Frame(Client.headers, flags: flags, stream: stream, block)
  }
  /// `:method GET`, `:scheme http`, `:path /` by index, and `:authority h`.
  static let indexed: [UInt8] = [0x82, 0x86, 0x84, 0x41, 0x01, 0x68]
  static func settings(_ id: UInt16, _ value: UInt32) -> Frame {
    Client.settingsFrame([(id, value)])
  }
  static func window(_ count: UInt32, stream: UInt32 = 0) -> Frame {
    Frame(Client.windowUpdate, stream: stream, Client.word(count))
  }

  static let framing: [Case] = [
    Case("4.1 a frame of an unknown type", [Frame(0x99, flags: 0xFF, [1, 2, 3])], .ignored),
    Case("4.1 a frame of an unknown type on a stream", [Frame(0x99, stream: 1, [1])], .ignored),
    Case(
      "4.1 flags that mean nothing", [Frame(Client.ping, flags: 0xFE, [0, 0, 0, 0, 0, 0, 0, 1])],
      .ignored),
    Case(
      "4.1 the reserved bit of a stream's number",
      [Frame(Client.headers, flags: 5, stream: 0x8000_0001, Client.block(Client.request()))],
      .answered(200)),
    Case(
      "4.2 DATA longer than the largest frame", [post(), data(16_385, flags: 0)],
      .connectionError([frameSize])),
    Case(
      "4.2 HEADERS longer than the largest frame",
      [raw(Client.block(Client.request() + [("x", String(repeating: "a", count: 17_000))]))],
      .connectionError([frameSize])),
    Case(
      "4.2 a PING of 6 bytes", [Frame(Client.ping, [0, 0, 0, 0, 0, 0])],
      .connectionError([frameSize])),
    Case(
      "4.3 a field block that cannot be decoded", [raw([0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF])],
      .connectionError([compression])),
    Case(
      "4.3 another frame inside of a field block",
      [raw(indexed, flags: 1), Frame(Client.ping, [0, 0, 0, 0, 0, 0, 0, 0])],
      .connectionError([protocolError])),
    Case(
      "4.3 another stream's HEADERS inside of a field block", [raw(indexed, flags: 1), get(3)],
      .connectionError([protocolError])),
    Case(
      "4.3 an unknown frame inside of a field block", [raw(indexed, flags: 1), Frame(0x99, [1])],
      .connectionError([protocolError])),
    Case(
      "4.3 a field block in two frames",
      [
        raw(Array(indexed[..<3]), flags: 1),
        Frame(Client.continuation, flags: 4, stream: 1, Array(indexed[3...])),
      ], .answered(200)),
    Case(
      "4.3 a field block that ends in an empty frame",
      [raw(indexed, flags: 1), Frame(Client.continuation, flags: 4, stream: 1)], .answered(200)),
  ]

  static let streams: [Case] = [
    Case("5.1 idle: DATA", [data(1)], .connectionError([protocolError])),
    Case(
      "5.1 idle: RST_STREAM", [Frame(Client.resetStream, stream: 1, Client.word(8))],
      .connectionError([protocolError])),
    Case("5.1 idle: WINDOW_UPDATE", [window(1, stream: 1)], .connectionError([protocolError])),
    Case(
      "5.1 idle: CONTINUATION", [Frame(Client.continuation, flags: 4, stream: 1, indexed)],
      .connectionError([protocolError])),
    Case("5.1 idle: PRIORITY", [Frame(Client.priority, stream: 1, [0, 0, 0, 3, 1])], .ignored),
    Case("5.1 half-closed: DATA", [get(), data(1)], .streamError([streamClosed])),
    Case("5.1 half-closed: HEADERS", [get(), get()], .streamError([streamClosed])),
    Case(
      "5.1 half-closed: CONTINUATION",
      [get(), Frame(Client.continuation, flags: 4, stream: 1, indexed)],
      .connectionError([protocolError])),
    Case("5.1 half-closed: WINDOW_UPDATE", [get(), window(1, stream: 1)], .answered(200)),
    Case(
      "5.1 half-closed: PRIORITY", [get(), Frame(Client.priority, stream: 1, [0, 0, 0, 3, 1])],
      .answered(200)),
    Case(
      "5.1 closed by its client: DATA",
      [post(), Frame(Client.resetStream, stream: 1, Client.word(8)), data(1)], .ignored),
    Case(
      "5.1 closed by its client: HEADERS",
      [post(), Frame(Client.resetStream, stream: 1, Client.word(8)), get()],
      .streamError([streamClosed])),
    Case(
      "5.1 closed by its client: CONTINUATION",
      [
        post(), Frame(Client.resetStream, stream: 1, Client.word(8)),
        Frame(Client.continuation, flags: 4, stream: 1, indexed),
      ], .connectionError([protocolError])),
    Case(
      "5.1 closed by its client: WINDOW_UPDATE",
      [post(), Frame(Client.resetStream, stream: 1, Client.word(8)), window(1, stream: 1)], .ignored
    ),
    Case(
      "5.1 closed by its client: RST_STREAM",
      [
        post(), Frame(Client.resetStream, stream: 1, Client.word(8)),
        Frame(Client.resetStream, stream: 1, Client.word(8)),
      ], .ignored),
    Case("5.1.1 a stream with an even number", [get(2)], .connectionError([protocolError])),
    Case(
      "5.1.1 a number lower than one before",
      [post(5), Frame(Client.resetStream, stream: 5, Client.word(8)), get(3)],
      .streamError([streamClosed, protocolError])),
    Case("5.1.1 a number that leaves others out", [get(7)], .ignored),
    Case(
      "5.3.1 a stream that depends on itself",
      [Frame(Client.headers, flags: 0x25, stream: 1, [0, 0, 0, 1, 1] + indexed)],
      .streamError([protocolError])),
    Case(
      "5.3.1 PRIORITY of a stream on itself", [Frame(Client.priority, stream: 1, [0, 0, 0, 1, 1])],
      .ignored),
    Case(
      "5.4.1 an error of the connection ends it", [Frame(Client.settings, flags: 1, [0])],
      .connectionError([frameSize])),
    Case("5.5 an unknown setting", [settings(0xFF, 1)], .ignored),
  ]

  static let frames: [Case] = [
    Case("6.1 DATA on the connection", [data(1, stream: 0)], .connectionError([protocolError])),
    Case(
      "6.1 padding as long as the frame",
      [post(), Frame(Client.data, flags: 9, stream: 1, [4, 1, 2, 3])],
      .connectionError([protocolError])),
    Case(
      "6.1 padding that fits", [post(), Frame(Client.data, flags: 9, stream: 1, [3, 1, 2, 3])],
      .answered(200)),
    Case(
      "6.1 padding without its length", [post(), Frame(Client.data, flags: 9, stream: 1)],
      .connectionError([frameSize, protocolError])),
    Case(
      "6.2 HEADERS on the connection", [raw(indexed, stream: 0)], .connectionError([protocolError])),
    Case(
      "6.2 padding longer than the frame", [raw([99] + indexed, flags: 0x0D)],
      .connectionError([protocolError])),
    Case("6.2 padding that fits", [raw([2] + indexed + [0, 0], flags: 0x0D)], .answered(200)),
    Case(
      "6.2 a priority that fits", [raw([0, 0, 0, 0, 16] + indexed, flags: 0x25)], .answered(200)),
    Case(
      "6.2 a priority that does not fit", [raw([0, 0], flags: 0x25)],
      .connectionError([frameSize, protocolError])),
    Case(
      "6.3 PRIORITY on the connection", [Frame(Client.priority, [0, 0, 0, 1, 1])],
      .connectionError([protocolError])),
    Case(
      "6.3 PRIORITY of 4 bytes", [post(), Frame(Client.priority, stream: 1, [0, 0, 0, 1])],
      .streamError([frameSize])),
    Case(
      "6.4 RST_STREAM on the connection", [Frame(Client.resetStream, Client.word(8))],
      .connectionError([protocolError])),
    Case(
      "6.4 RST_STREAM of 3 bytes", [post(), Frame(Client.resetStream, stream: 1, [0, 0, 8])],
      .connectionError([frameSize])),
    Case(
      "6.4 RST_STREAM with an unknown code",
      [post(), Frame(Client.resetStream, stream: 1, Client.word(0xFFFF))], .ignored),
    Case(
      "6.5 SETTINGS on a stream", [Frame(Client.settings, stream: 1, [0, 3, 0, 0, 0, 100])],
      .connectionError([protocolError])),
    Case(
      "6.5 an acknowledgement with content",
      [Frame(Client.settings, flags: 1, [0, 3, 0, 0, 0, 100])], .connectionError([frameSize])),
    Case(
      "6.5 SETTINGS of 5 bytes", [Frame(Client.settings, [0, 3, 0, 0, 0])],
      .connectionError([frameSize])),
    // The proxy's own SETTINGS may be on their way; there is one of them.
    Case(
      "6.5 an acknowledgement of nothing",
      [Frame(Client.settings, flags: 1), Frame(Client.settings, flags: 1)],
      .connectionError([protocolError])),
    Case("6.5.2 ENABLE_PUSH of 2", [settings(2, 2)], .connectionError([protocolError])),
    Case("6.5.2 ENABLE_PUSH of 0", [settings(2, 0)], .ignored),
    Case(
      "6.5.2 INITIAL_WINDOW_SIZE of 2^31", [settings(4, 1 << 31)], .connectionError([flowControl])),
    Case("6.5.2 INITIAL_WINDOW_SIZE of 2^31 - 1", [settings(4, 1 << 31 - 1)], .ignored),
    Case(
      "6.5.2 MAX_FRAME_SIZE of 16,383", [settings(5, 16_383)], .connectionError([protocolError])),
    Case("6.5.2 MAX_FRAME_SIZE of 2^24", [settings(5, 1 << 24)], .connectionError([protocolError])),
    Case("6.5.2 MAX_FRAME_SIZE of 2^24 - 1", [settings(5, 1 << 24 - 1)], .ignored),
    Case("6.5.2 HEADER_TABLE_SIZE of 0", [settings(1, 0), get()], .answered(200)),
    Case(
      "6.5.2 the same setting twice", [Client.settingsFrame([(4, 1), (4, 65_535)]), get()],
      .answered(200)),
    Case(
      "6.6 PUSH_PROMISE of a client", [Frame(5, flags: 4, stream: 1, Client.word(2) + indexed)],
      .connectionError([protocolError])),
    Case(
      "6.7 PING on a stream", [Frame(Client.ping, stream: 1, [0, 0, 0, 0, 0, 0, 0, 0])],
      .connectionError([protocolError])),
    Case(
      "6.7 PING of 9 bytes", [Frame(Client.ping, [0, 0, 0, 0, 0, 0, 0, 0, 0])],
      .connectionError([frameSize])),
    Case(
      "6.7 an answer to no PING", [Frame(Client.ping, flags: 1, [0, 0, 0, 0, 0, 0, 0, 9])], .ignored
    ),
    Case(
      "6.8 GOAWAY on a stream", [Frame(Client.goAway, stream: 1, Client.word(0) + Client.word(0))],
      .connectionError([protocolError])),
    Case(
      "6.8 GOAWAY of 4 bytes", [Frame(Client.goAway, Client.word(0))], .connectionError([frameSize])
    ),
    Case(
      "6.8 GOAWAY with nothing open", [Frame(Client.goAway, Client.word(0) + Client.word(0))],
      .closed),
    Case(
      "6.8 GOAWAY with a stream open",
      [get(), Frame(Client.goAway, Client.word(0) + Client.word(0))], .answered(200)),
    Case(
      "6.9 WINDOW_UPDATE of 0 on the connection", [window(0)], .connectionError([protocolError])),
    Case(
      "6.9 WINDOW_UPDATE of 0 on a stream", [post(), window(0, stream: 1)],
      .streamError([protocolError])),
    Case(
      "6.9 WINDOW_UPDATE of 3 bytes", [Frame(Client.windowUpdate, [0, 0, 1])],
      .connectionError([frameSize])),
    Case(
      "6.9.1 a connection's window past 2^31 - 1", [window(1 << 31 - 1)],
      .connectionError([flowControl])),
    Case(
      "6.9.1 a stream's window past 2^31 - 1", [post(), window(1 << 31 - 1, stream: 1)],
      .streamError([flowControl])),
    Case(
      "6.9.2 a setting that takes a stream's window past 2^31 - 1",
      [post(), window(1 << 30, stream: 1), settings(4, 1 << 31 - 1)], .streamError([flowControl])),
    Case(
      "6.10 CONTINUATION on the connection",
      [raw(indexed, flags: 1), Frame(Client.continuation, flags: 4, stream: 0)],
      .connectionError([protocolError])),
    Case(
      "6.10 CONTINUATION after END_HEADERS",
      [get(), Frame(Client.continuation, flags: 4, stream: 1)], .connectionError([protocolError])),
    Case(
      "6.10 CONTINUATION after DATA",
      [post(), data(1, flags: 0), Frame(Client.continuation, flags: 4, stream: 1)],
      .connectionError([protocolError])),
  ]

  static let messages: [Case] = [
    Case(
      "8.1 a second head without an end",
      [post(), Client.head([("x", "y")], stream: 1, ends: false)], .streamError([protocolError])),
    Case(
      "8.1.1 content shorter than announced", [post(1, [("content-length", "2")]), data(1)],
      .streamError([protocolError])),
    Case(
      "8.1.1 content longer than announced", [post(1, [("content-length", "1")]), data(2)],
      .streamError([protocolError])),
    Case(
      "8.1.1 content in frames that is longer than announced",
      [post(1, [("content-length", "3")]), data(2, flags: 0), data(2)],
      .streamError([protocolError])),
    Case(
      "8.1.1 an announced length and no content",
      [Client.head(Client.request("POST", "/", [("content-length", "1")]), stream: 1)],
      .streamError([protocolError])),
    Case(
      "8.2 an uppercase name", [Client.head(Client.request() + [("X-Upper", "1")], stream: 1)],
      .streamError([protocolError])),
    Case(
      "8.2.1 a space in a name", [Client.head(Client.request() + [("x y", "1")], stream: 1)],
      .streamError([protocolError])),
    Case(
      "8.2.1 a colon in a name", [Client.head(Client.request() + [("x:y", "1")], stream: 1)],
      .streamError([protocolError])),
    Case(
      "8.2.1 an empty name", [Client.head(Client.request() + [("", "1")], stream: 1)],
      .streamError([protocolError])),
    Case(
      "8.2.1 a NUL in a value", [Client.head(Client.request() + [("x", "a\0b")], stream: 1)],
      .streamError([protocolError])),
    Case(
      "8.2.1 a line feed in a value",
      [Client.head(Client.request() + [("x", "a\nb: c")], stream: 1)], .streamError([protocolError])
    ),
    Case(
      "8.2.1 a carriage return in a value",
      [Client.head(Client.request() + [("x", "a\rb")], stream: 1)], .streamError([protocolError])),
    Case(
      "8.2.1 a value that begins with a space",
      [Client.head(Client.request() + [("x", " a")], stream: 1)], .streamError([protocolError])),
    Case(
      "8.2.1 a value that ends with a tab",
      [Client.head(Client.request() + [("x", "a\t")], stream: 1)], .streamError([protocolError])),
    Case(
      "8.2.1 an 8-bit byte in a name",
      [Client.head(Client.request() + [("x\u{e9}", "a")], stream: 1)], .streamError([protocolError])
    ),
    Case(
      "8.2.2 connection",
      [Client.head(Client.request() + [("connection", "keep-alive")], stream: 1)],
      .streamError([protocolError])),
    Case(
      "8.2.2 transfer-encoding",
      [Client.head(Client.request() + [("transfer-encoding", "chunked")], stream: 1)],
      .streamError([protocolError])),
    Case(
      "8.2.2 keep-alive", [Client.head(Client.request() + [("keep-alive", "x")], stream: 1)],
      .streamError([protocolError])),
    Case(
      "8.2.2 proxy-connection",
      [Client.head(Client.request() + [("proxy-connection", "x")], stream: 1)],
      .streamError([protocolError])),
    Case(
      "8.2.2 upgrade", [Client.head(Client.request() + [("upgrade", "websocket")], stream: 1)],
      .streamError([protocolError])),
    Case(
      "8.2.2 te other than trailers", [Client.head(Client.request() + [("te", "gzip")], stream: 1)],
      .streamError([protocolError])),
    Case(
      "8.2.2 te of trailers", [Client.head(Client.request() + [("te", "trailers")], stream: 1)],
      .answered(200)),
    Case(
      "8.3 an unknown pseudo-field", [Client.head([(":x", "1")] + Client.request(), stream: 1)],
      .streamError([protocolError])),
    Case(
      "8.3 a pseudo-field of responses",
      [Client.head([(":status", "200")] + Client.request(), stream: 1)],
      .streamError([protocolError])),
    Case(
      "8.3 a pseudo-field after a field",
      [
        Client.head(
          [
            (":method", "GET"), (":scheme", "http"), ("x", "1"), (":path", "/"),
            (":authority", "h"),
          ], stream: 1)
      ], .streamError([protocolError])),
    Case(
      "8.3 a pseudo-field after a field that breaks the rules",
      [
        Client.head(
          [
            (":method", "GET"), (":scheme", "http"), ("x y", "1"), (":path", "/"),
            (":authority", "h"),
          ], stream: 1)
      ], .streamError([protocolError])),
    Case(
      "8.3 a pseudo-field in trailers", [post(), Client.head([(":path", "/")], stream: 1)],
      .streamError([protocolError])),
    Case(
      "8.3.1 no method",
      [Client.head([(":scheme", "http"), (":path", "/"), (":authority", "h")], stream: 1)],
      .streamError([protocolError])),
    Case(
      "8.3.1 no scheme",
      [Client.head([(":method", "GET"), (":path", "/"), (":authority", "h")], stream: 1)],
      .streamError([protocolError])),
    Case(
      "8.3.1 no path",
      [Client.head([(":method", "GET"), (":scheme", "http"), (":authority", "h")], stream: 1)],
      .streamError([protocolError])),
    Case(
      "8.3.1 an empty path", [Client.head(Client.request("GET", ""), stream: 1)],
      .streamError([protocolError])),
    Case(
      "8.3.1 two methods", [Client.head([(":method", "POST")] + Client.request(), stream: 1)],
      .streamError([protocolError])),
    Case(
      "8.3.1 two schemes", [Client.head([(":scheme", "http")] + Client.request(), stream: 1)],
      .streamError([protocolError])),
    Case(
      "8.3.1 two paths", [Client.head([(":path", "/")] + Client.request(), stream: 1)],
      .streamError([protocolError])),
    Case(
      "8.3.1 two authorities", [Client.head([(":authority", "h")] + Client.request(), stream: 1)],
      .streamError([protocolError])),
    Case(
      "8.3.1 a path without its slash", [Client.head(Client.request("GET", "x"), stream: 1)],
      .streamError([protocolError])),
    Case(
      "8.3.1 a space in the path", [Client.head(Client.request("GET", "/ HTTP/1.1"), stream: 1)],
      .streamError([protocolError])),
    Case(
      "8.3.1 a line feed in the path", [Client.head(Client.request("GET", "/\r\nx: y"), stream: 1)],
      .streamError([protocolError])),
    Case(
      "8.3.1 a method that is no token", [Client.head(Client.request("G T"), stream: 1)],
      .streamError([protocolError])),
    Case(
      "8.3.1 neither authority nor host",
      [Client.head([(":method", "GET"), (":scheme", "http"), (":path", "/")], stream: 1)],
      .streamError([protocolError])),
    Case(
      "8.3.1 host in the place of the authority",
      [
        Client.head(
          [(":method", "GET"), (":scheme", "http"), (":path", "/"), ("host", "h")], stream: 1)
      ], .answered(200)),
    Case(
      "8.3.1 host and authority the same",
      [Client.head(Client.request() + [("host", "h")], stream: 1)], .answered(200)),
    Case(
      "8.3.1 host and authority that differ",
      [Client.head(Client.request() + [("host", "other")], stream: 1)], .answered(400)),
    Case(
      "8.3.1 user information in the authority",
      [Client.head(Client.request(authority: "u@h"), stream: 1)], .answered(400)),
    Case(
      "8.3.1 two hosts",
      [Client.head(Client.request() + [("host", "h"), ("host", "h")], stream: 1)],
      .streamError([protocolError])),
    Case(
      "8.3.1 another scheme with a host in its path",
      [
        Client.head(
          [(":method", "GET"), (":scheme", "x"), (":path", "http://other/"), (":authority", "h")],
          stream: 1)
      ], .answered(400)),
    Case(
      "8.3.1 OPTIONS of everything", [Client.head(Client.request("OPTIONS", "*"), stream: 1)],
      .answered(200)),
    Case(
      "8.5 CONNECT", [Client.head([(":method", "CONNECT"), (":authority", "h:443")], stream: 1)],
      .answered(405)),
    Case(
      "8.5 CONNECT with a path",
      [Client.head([(":method", "CONNECT"), (":path", "/"), (":authority", "h:443")], stream: 1)],
      .streamError([protocolError])),
    Case(
      "8441 5 CONNECT with a protocol and without a path",
      [
        Client.head(
          [
            (":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"),
            (":authority", "h"),
          ], stream: 1)
      ], .streamError([protocolError])),
    Case(
      "8441 4 a protocol and another method",
      [Client.head([(":protocol", "websocket")] + Client.request(), stream: 1)],
      .streamError([protocolError])),
    Case(
      "8441 5 CONNECT with a protocol that the server ignores",
      [
        Client.head(
          [(":method", "CONNECT"), (":protocol", "websocket")] + Client.request().dropFirst(),
          stream: 1)
      ], .answered(502)),
    Case("9110 TRACE", [Client.head(Client.request("TRACE"), stream: 1)], .answered(405)),
    Case(
      "9110 two content-lengths",
      [post(1, [("content-length", "1"), ("content-length", "1")]), data(1)],
      .streamError([protocolError])),
    Case(
      "9110 a content-length with a sign", [post(1, [("content-length", "+1")]), data(1)],
      .streamError([protocolError])),
    Case(
      "9110 a content-length past 2^63",
      [post(1, [("content-length", "99999999999999999999")]), data(1)],
      .streamError([protocolError])),
  ]

  static let compressed: [Case] = [
    Case("7541 2.3.3 index 0", [raw([0x80])], .connectionError([compression])),
    Case(
      "7541 2.3.3 an index past both tables", [raw(indexed + [0xFF, 0x00])],
      .connectionError([compression])),
    Case(
      "7541 2.3.3 a name's index past both tables", [raw(indexed + [0x7F, 0x20, 0x01, 0x61])],
      .connectionError([compression])),
    Case(
      "7541 2.3.3 an index of the dynamic table that is there", [raw(indexed + [0xBE])],
      .streamError([protocolError])),
    Case(
      "7541 4.2 a table size that is too large", [raw([0x3F, 0xE2, 0x1F] + indexed)],
      .connectionError([compression])),
    Case("7541 4.2 the largest table size", [raw([0x3F, 0xE1, 0x1F] + indexed)], .answered(200)),
    Case("7541 4.2 a table size of 0", [raw([0x20] + indexed)], .answered(200)),
    Case(
      "7541 4.2 a table size after a field", [raw(indexed + [0x20])],
      .connectionError([compression])),
    Case(
      "7541 5.1 an integer without an end",
      [raw(indexed + [0xFF, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80])],
      .connectionError([compression])),
    Case(
      "7541 5.2 a literal cut short", [raw(indexed + [0x00, 0x05, 0x61])],
      .connectionError([compression])),
    Case(
      "7541 5.2 Huffman padding longer than 7 bits",
      [raw(indexed + [0x00, 0x85, 0xF2, 0xB2, 0x4A, 0x84, 0xFF, 0x81, 0xFF])],
      .connectionError([compression])),
    Case(
      "7541 5.2 Huffman padding of zeros",
      [raw(indexed + [0x00, 0x83, 0x18, 0x00, 0x00, 0x01, 0x61])], .connectionError([compression])),
    Case(
      "7541 5.2 the end of string in Huffman codes",
      [raw(indexed + [0x00, 0x01, 0x78, 0x84, 0xFF, 0xFF, 0xFF, 0xFF])],
      .connectionError([compression])),
    Case(
      "7541 6.2.3 a literal that is never indexed",
      [raw(indexed + [0x10, 0x01, 0x78, 0x01, 0x79])], .answered(200)),
    Case(
      "7541 6.2.1 a literal that is indexed, and used",
      [raw(indexed + [0x40, 0x01, 0x78, 0x01, 0x79, 0xBE])], .answered(200)),
    Case(
      "7541 6.2.2 a name with Huffman codes", [raw(indexed + [0x00, 0x81, 0xF3, 0x01, 0x79])],
      .answered(200)),
  ]

  static let all = framing + streams + frames + messages + compressed

  @Test(arguments: all) func `a server reacts as it must`(_ example: Case) throws {
    let rig = try http2Rig(try echo())
    let client = try rig.http2()
    let mark: [UInt8] = [9, 9, 9, 9, 9, 9, 9, 9]

    try client.raw.send(example.bytes)
    // Another of the connection's own frames behind it: all before it has been dealt with when it is answered.
    try? client.raw.send(Frame(Client.ping, mark).bytes())
    var goesOn = false
    func isAnswered() -> Bool {
      // Answers to PING overtake everything else.
      switch example.reaction {
      case .answered: client.streams[1]?.isOver ?? false
      case .streamError: client.streams.contains { $0.value.resetCode != nil }
      case .connectionError, .ignored, .closed: true
      }
    }
    while !(goesOn && isAnswered()), let frame = try client.readFrame() {
      if frame.type == Client.ping && frame.payload == mark { goesOn = true }
    }
    let stream = client.streams.first { $0.value.resetCode != nil }?.value ?? client.streams[1]
    try client.leave()
    try rig.awaitIdle()
    try rig.finish().expectEveryByte(of: [client])

    switch example.reaction {
    case .connectionError(let codes):
      #expect(client.goAwayCode.map(codes.contains) ?? false, "GOAWAY \(client.goAwayCode as Any)")
      #expect(!goesOn)
    case .streamError(let codes):
      let code = stream?.resetCode ?? client.goAwayCode
      #expect(code.map(codes.contains) ?? false, "\(code ?? 99) \(client.goAwayCode ?? 99)")
    case .answered(let status):
      #expect(stream?.status == status, "\(stream as Any) \(client.goAwayCode as Any)")
      #expect(stream?.hasEnded ?? false)
    case .ignored:
      #expect(goesOn, "GOAWAY \(client.goAwayCode as Any)")
      #expect(client.streams.values.allSatisfy { $0.resetCode == nil })
    case .closed: #expect((client.goAwayCode ?? 0) == 0)
    }
  }

  @Test(arguments: [
    "GET / HTTP/1.1\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\r",
    "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n",
  ])
  func `3.4 what is not the preface is not read as HTTP/2`(preface: String) throws {
    let rig = try http2Rig(try Origin.answering(ok()))
    let client = try rig.client()

    try client.send(preface)

    #expect(String(decoding: try client.readToEnd(), as: UTF8.self).hasPrefix("HTTP/1.1 400 "))
    client.close()
    _ = try rig.finish()
  }

  @Test(arguments: [
    Frame(Client.ping, [0, 0, 0, 0, 0, 0, 0, 0]), get(), Frame(Client.settings, flags: 1),
  ])
  func `3.4 the first frame must be SETTINGS`(frame: Frame) throws {
    let rig = try http2Rig(try Origin.answering(ok()))
    let client = try HTTP2Client(port: rig.port(), sendsPreface: false)

    try client.raw.send(Client.preface + frame.bytes())

    #expect(try client.readToEnd() == Self.protocolError)
    client.raw.close()
    try rig.awaitIdle()
    #expect(rig.counter(.http2ProtocolErrors) == 1)
    _ = try rig.finish()
  }

  @Test func `6.5.3 SETTINGS and PING are acknowledged in their order`() throws {
    let rig = try http2Rig(try Origin.answering(ok()))
    let client = try rig.http2()

    try client.send(
      Client.settingsFrame([(3, 7)]), Frame(Client.ping, [1, 2, 3, 4, 5, 6, 7, 8]),
      Client.settingsFrame([]))
    try client.roundTrip()
    let answers = client.control.filter { $0.flags & 1 == 1 }.map(\.type)
    client.raw.close()
    _ = try rig.finish()

    // The preface's own SETTINGS come first.
    let expected = [Client.settings, Client.settings, Client.ping, Client.settings, Client.ping]
    #expect(answers.sorted() == expected.sorted())
    let offered = client.control.first { $0.type == Client.settings && $0.flags == 0 }
    #expect(offered?.payload.count == 30)
  }

  @Test func `5.1.2 more streams than were offered are refused, and may be tried again`() throws {
    let gate = Gate()
    let origin = try Origin { connection in
      guard try connection.head() != nil else { return }
      try gate.wait()
      try connection.send(ok())
    }
    let rig = try http2Rig(origin) { $0.limits.streamsMax = 3 }
    let client = try rig.http2()

    for id in [1, 3, 5, 7] as [UInt32] { try client.send(Self.get(id)) }
    let refused = try client.finish(7)
    gate.pass()
    let served = try [1, 3, 5].map { try client.finish($0).status }
    client.raw.close()
    try rig.awaitIdle()
    let usage = try rig.finish()

    #expect(refused.resetCode == Self.refused)
    #expect(served == [200, 200, 200])
    #expect(usage[.requests] == 3)
  }
}
