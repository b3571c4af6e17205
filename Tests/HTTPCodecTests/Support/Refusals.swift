import HTTPCodec
import Testing

/// A message that must be refused, and how.
struct Refusal: Sendable, CustomTestStringConvertible {
  let code: FaultCode
  let status: Int
  let bytes: [UInt8]
  var limits = HTTP1Limits()

  init(_ code: FaultCode, _ status: Int, _ text: String) {
    self.init(code, status, Array(text.utf8))
  }

  init(_ code: FaultCode, _ status: Int, _ bytes: [UInt8]) {
    self.code = code
    self.status = status
    self.bytes = bytes
  }

  /// The same under other limits.
  func under(_ change: (inout HTTP1Limits) -> Void) -> Refusal {
    var copy = self
    change(&copy.limits)
    return copy
  }

  var testDescription: String {
    "\(code.rawValue): \(String(decoding: bytes.prefix(120), as: UTF8.self).debugDescription)"
  }

  /// A request with one Host and the given further lines.
  static func fields(_ code: FaultCode, _ lines: String, status: Int = 400) -> Refusal {
    Refusal(code, status, "POST / HTTP/1.1\r\nHost: a\r\n\(lines)\r\n\r\n")
  }

  /// A request line, with a Host behind it.
  static func line(_ code: FaultCode, _ line: String, status: Int = 400) -> Refusal {
    Refusal(code, status, "\(line)\r\nHost: a\r\n\r\n")
  }

  /// A request with this Host value.
  static func host(_ value: String) -> Refusal {
    Refusal(.hostInvalid, 400, "GET / HTTP/1.1\r\nHost: \(value)\r\n\r\n")
  }

  /// A response with the given field lines.
  static func response(_ code: FaultCode, _ lines: String) -> Refusal {
    Refusal(code, 502, "HTTP/1.1 200 OK\r\n\(lines)\r\n\r\n")
  }
}

/// Requests that are refused: at least one row for each rule.
let requestRefusals: [Refusal] =
  framingRefusals + lineRefusals + fieldRefusals + hostRefusals + boundRefusals

private let framingRefusals: [Refusal] = [
  .fields(
    .contentLengthAndTransferEncoding, "Content-Length: 3\r\nTransfer-Encoding: chunked"),
  .fields(
    .contentLengthAndTransferEncoding, "Transfer-Encoding: chunked\r\nContent-Length: 0"),
  .fields(.contentLengthDuplicate, "Content-Length: 3\r\nContent-Length: 3"),
  .fields(.contentLengthDuplicate, "Content-Length: 3\r\ncontent-length: 4"),
  .fields(.contentLengthInvalid, "Content-Length: 3, 3"),
  .fields(.contentLengthInvalid, "Content-Length: +3"),
  .fields(.contentLengthInvalid, "Content-Length: -3"),
  .fields(.contentLengthInvalid, "Content-Length: 0x3"),
  .fields(.contentLengthInvalid, "Content-Length: 3 3"),
  .fields(.contentLengthInvalid, "Content-Length: 3_000"),
  .fields(.contentLengthInvalid, "Content-Length: 3.0"),
  .fields(.contentLengthInvalid, "Content-Length:"),
  .fields(.contentLengthInvalid, "Content-Length: 9223372036854775808"),
  .fields(.contentLengthInvalid, "Content-Length: 18446744073709551616"),
  .fields(.contentLengthInvalid, "Content-Length: 184467440737095516160"),
  .fields(.transferEncodingUnknown, "Transfer-Encoding: gzip", status: 501),
  .fields(.transferEncodingUnknown, "Transfer-Encoding: gzip, chunked", status: 501),
  .fields(.transferEncodingUnknown, "Transfer-Encoding: identity", status: 501),
  .fields(.transferEncodingUnknown, "Transfer-Encoding: xchunked", status: 501),
  .fields(
    .transferEncodingUnknown, "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked",
    status: 501),
  .fields(.transferEncodingChunkedNotLast, "Transfer-Encoding: chunked, gzip"),
  .fields(.transferEncodingChunkedNotLast, "Transfer-Encoding: chunked, chunked"),
  .fields(
    .transferEncodingChunkedNotLast, "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
  .fields(
    .transferEncodingChunkedNotLast, "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity"),
  .fields(.transferEncodingInvalid, "Transfer-Encoding:"),
  .fields(.transferEncodingInvalid, "Transfer-Encoding: chunked,"),
  .fields(.transferEncodingInvalid, "Transfer-Encoding: ,chunked"),
  .fields(.transferEncodingInvalid, "Transfer-Encoding: chunked;q=1"),
  .fields(.transferEncodingInvalid, "Transfer-Encoding: \"chunked\""),
  .fields(.transferEncodingInvalid, "Transfer-Encoding: chunked chunked"),
  Refusal(
    .transferEncodingOnHTTP10, 400,
    "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"),
]

private let lineRefusals: [Refusal] = [
  Refusal(.bareLineFeed, 400, "GET / HTTP/1.1\nHost: a\r\n\r\n"),
  Refusal(.bareLineFeed, 400, "GET / HTTP/1.1\r\nHost: a\n\r\n"),
  Refusal(.bareLineFeed, 400, "GET / HTTP/1.1\r\nHost: a\r\n\n"),
  Refusal(.bareLineFeed, 400, "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
  Refusal(.bareCarriageReturn, 400, "GET / HTTP/1.1\rHost: a\r\n\r\n"),
  Refusal(.bareCarriageReturn, 400, "GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n"),
  Refusal(.bareCarriageReturn, 400, "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\r\n\r\n"),
  Refusal(.bareCarriageReturn, 400, "\rGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
  Refusal(.leadingEmptyLines, 400, "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
  .line(.controlByte, "GET /\u{0} HTTP/1.1"),
  .line(.controlByte, "GET /\u{7f} HTTP/1.1"),
  .line(.controlByte, "\u{16}\u{3}\u{1} / HTTP/1.1"),
  .fields(.controlByte, "X: a\u{0}b"),
  .fields(.controlByte, "X: a\u{1b}b"),
  .fields(.controlByte, "X: a\u{b}b"),
  .fields(.controlByte, "X: a\u{7f}b"),
  .fields(.controlByte, "X\u{0}: a"),
  .line(.targetInvalid, "GET /a\tb HTTP/1.1"),
  .line(.targetInvalid, "GET /ä HTTP/1.1"),
  .line(.targetInvalid, "GET /a#b HTTP/1.1"),
  .line(.targetInvalid, "GET http:/// HTTP/1.1"),
  .line(.targetInvalid, "GET http://u@a/ HTTP/1.1"),
  .line(.targetInvalid, "GET http://a:x/ HTTP/1.1"),
  .line(.versionMalformed, "GET /a b HTTP/1.1"),
  .line(.requestLineMalformed, "GET  / HTTP/1.1"),
  .line(.versionMalformed, "GET /  HTTP/1.1"),
  .line(.requestLineMalformed, "GET / HTTP/1.1 "),
  .line(.requestLineMalformed, "GET / HTTP/1.10"),
  .line(.requestLineMalformed, "GET /"),
  .line(.requestLineMalformed, "GET"),
  .line(.methodInvalid, " GET / HTTP/1.1"),
  .line(.methodInvalid, "GE(T / HTTP/1.1"),
  .line(.methodInvalid, "\tGET / HTTP/1.1"),
  .line(.targetFormInvalid, "GET * HTTP/1.1"),
  .line(.targetFormInvalid, "GET a:80 HTTP/1.1"),
  .line(.targetFormInvalid, "GET ftp://a/ HTTP/1.1"),
  .line(.targetFormInvalid, "GET a/b HTTP/1.1"),
  .line(.targetFormInvalid, "CONNECT / HTTP/1.1"),
  .line(.targetFormInvalid, "CONNECT a HTTP/1.1"),
  .line(.targetFormInvalid, "CONNECT u@a:443 HTTP/1.1"),
  .line(.versionMalformed, "GET / http/1.1"),
  .line(.versionMalformed, "GET / HTTP/1"),
  .line(.versionMalformed, "GET / HTTP/1,1"),
  .line(.versionMalformed, "GET / ICY/1.1"),
  .line(.versionUnsupported, "GET / HTTP/1.2", status: 505),
  .line(.versionUnsupported, "GET / HTTP/0.9", status: 505),
  .line(.versionUnsupported, "GET / HTTP/3.0", status: 505),
  Refusal(.versionUnsupported, 505, "OPTIONS * HTTP/2.0\r\n\r\n"),
]

private let fieldRefusals: [Refusal] = [
  .fields(.fieldNameInvalid, "X"),
  .fields(.fieldNameInvalid, ": a"),
  .fields(.fieldNameInvalid, "X(y): a"),
  .fields(.fieldNameInvalid, "X\"y\": a"),
  .fields(.fieldNameInvalid, "Xä: a"),
  .fields(.spaceBeforeColon, "X : a"),
  .fields(.spaceBeforeColon, "X\t: a"),
  .fields(.spaceBeforeColon, "Content-Length : 3"),
  .fields(.spaceBeforeColon, "X y: a"),
  .fields(.lineFolding, "X: a\r\n b"),
  .fields(.lineFolding, "X: a\r\n\tb: c"),
  Refusal(.lineFolding, 400, "GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
  .fields(.fieldNameAlias, "Content_Length: 3"),
  .fields(.fieldNameAlias, "transfer_encoding: chunked"),
  .fields(.fieldNameAlias, "Transfer.Encoding: chunked"),
  .fields(.fieldNameAlias, "X_Forwarded_For: 1.2.3.4"),
  .fields(.fieldNameAlias, "X_Forwarded_Any: 1"),
  .fields(.fieldNameAlias, "Proxy_Anything: 1"),
  .fields(.fieldNameAlias, "Server_Timing: a"),
  .fields(.fieldNameUnderscore, "a_b: 1").under { $0.underscoreNames = .refuse },
  .fields(.connectionOptionForbidden, "Connection: host"),
  .fields(.connectionOptionForbidden, "Connection: close, Content-Length"),
  .fields(.connectionOptionForbidden, "Connection: transfer-encoding"),
  .fields(.connectionOptionForbidden, "Connection: Authorization"),
  .fields(.connectionOptionForbidden, "Connection: cookie"),
  .fields(.connectionOptionForbidden, "Connection: x-forwarded-for"),
  .fields(.connectionOptionForbidden, "Connection: x-forwarded-port"),
  .fields(.connectionOptionForbidden, "Connection: forwarded"),
  .fields(.connectionOptionForbidden, "Connection: x-real-ip"),
  .fields(.connectionOptionForbidden, "Connection: traceparent"),
  .fields(.connectionOptionForbidden, "Connection: close\r\nConnection: HOST"),
  .fields(.connectionOptionInvalid, "Connection: clo se"),
  .fields(.connectionOptionInvalid, "Connection: close;now"),
  .fields(
    .connectionOptionInvalid,
    "Connection: " + (1...33).map { "o\($0)" }.joined(separator: ", ")),
  .fields(.upgradeDuplicate, "Connection: upgrade\r\nUpgrade: websocket\r\nUpgrade: h2c"),
]

private let hostRefusals: [Refusal] = [
  Refusal(.hostMissing, 400, "GET / HTTP/1.1\r\n\r\n"),
  Refusal(.hostMissing, 400, "GET / HTTP/1.0\r\n\r\n"),
  Refusal(.hostMissing, 400, "GET http://a/ HTTP/1.1\r\nX: a\r\n\r\n"),
  Refusal(.hostDuplicate, 400, "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
  Refusal(.hostDuplicate, 400, "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\nhOST: b\r\n\r\n"),
  .host(""), .host("a, b"), .host("a,b"), .host("a b"), .host("u@a"), .host("u:p@a"),
  .host("a:"), .host("a:0"), .host("a:65536"), .host("a:8a"), .host("a:-1"), .host(":80"),
  .host("a/b"), .host("a%2eb"), .host("http://a"), .host("ä"), .host("[::1"), .host("[]"),
  .host("[1:2:3]"), .host("[::1::2]"), .host("[fe80::1%25eth0]"), .host("[::1]a"), .host("::1"),
]

private let boundRefusals: [Refusal] = [
  .fields(
    .tooManyFields, (1...100).map { "X\($0): a" }.joined(separator: "\r\n"), status: 431),
  .fields(
    .headTooLarge, "X: " + String(repeating: "a", count: 16_384), status: 431),
  .fields(.headTooLarge, "X: a", status: 431).under { $0.headBytesMax = 33 },
  .line(.targetTooLong, "GET /" + String(repeating: "a", count: 8_192) + " HTTP/1.1", status: 414),
  .line(.targetTooLong, "GET /" + String(repeating: "a", count: 20_000) + " HTTP/1.1", status: 414),
]

/// Responses that are refused.
let responseRefusals: [Refusal] = [
  Refusal(.statusLineMalformed, 502, "HTTP/1.1\r\n\r\n"),
  Refusal(.statusLineMalformed, 502, "HTTP/1.1\t200 OK\r\n\r\n"),
  Refusal(.statusInvalid, 502, "HTTP/1.1  200 OK\r\n\r\n"),
  Refusal(.statusLineMalformed, 502, "\r\nHTTP/1.1 200 OK\r\n\r\n"),
  Refusal(.statusInvalid, 502, "HTTP/1.1 20 OK\r\n\r\n"),
  Refusal(.statusInvalid, 502, "HTTP/1.1 2000 OK\r\n\r\n"),
  Refusal(.statusInvalid, 502, "HTTP/1.1 099 OK\r\n\r\n"),
  Refusal(.statusInvalid, 502, "HTTP/1.1 600 OK\r\n\r\n"),
  Refusal(.statusInvalid, 502, "HTTP/1.1 +20 OK\r\n\r\n"),
  Refusal(.statusInvalid, 502, "HTTP/1.1 200OK\r\n\r\n"),
  Refusal(.versionMalformed, 502, "ICY 200 OK\r\n\r\n"),
  Refusal(.versionMalformed, 502, "ab\r\n\r\n"),
  Refusal(.versionUnsupported, 502, "HTTP/2.0 200 OK\r\n\r\n"),
  Refusal(.bareLineFeed, 502, "HTTP/1.1 200 OK\n\n"),
  Refusal(.bareCarriageReturn, 502, "HTTP/1.1 200 OK\rX: a\r\n\r\n"),
  Refusal(.controlByte, 502, "HTTP/1.1 200 O\u{0}K\r\n\r\n"),
  .response(.controlByte, "X: \u{8}"),
  .response(.lineFolding, "X: a\r\n b"),
  .response(.spaceBeforeColon, "X : a"),
  .response(.fieldNameInvalid, "X"),
  .response(.fieldNameAlias, "Content_Length: 1"),
  .response(.contentLengthDuplicate, "Content-Length: 1\r\nContent-Length: 1"),
  .response(.contentLengthInvalid, "Content-Length: 1, 1"),
  .response(
    .contentLengthAndTransferEncoding, "Content-Length: 1\r\nTransfer-Encoding: chunked"),
  .response(.transferEncodingUnknown, "Transfer-Encoding: gzip"),
  .response(.transferEncodingInvalid, "Transfer-Encoding:"),
  .response(.transferEncodingChunkedNotLast, "Transfer-Encoding: chunked, chunked"),
  Refusal(.transferEncodingOnHTTP10, 502, "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
  .response(.connectionOptionForbidden, "Connection: content-length"),
  .response(.connectionOptionInvalid, "Connection: a b"),
  .response(.upgradeDuplicate, "Upgrade: a\r\nUpgrade: b"),
  .response(.tooManyFields, (1...101).map { "X\($0): a" }.joined(separator: "\r\n")),
  .response(.headTooLarge, "X: " + String(repeating: "a", count: 16_384)),
  Refusal(.headTooLarge, 502, "HTTP/1.1 200 " + String(repeating: "a", count: 16_384)),
]

/// Chunked bodies that are refused.
let chunkRefusals: [Refusal] = [
  Refusal(.chunkSizeInvalid, 400, "\r\n"),
  Refusal(.chunkSizeInvalid, 400, "+1\r\na\r\n0\r\n\r\n"),
  Refusal(.chunkSizeInvalid, 400, "-1\r\na\r\n0\r\n\r\n"),
  Refusal(.chunkSizeInvalid, 400, "0x1\r\na\r\n0\r\n\r\n"),
  Refusal(.chunkSizeInvalid, 400, "1_0\r\na\r\n0\r\n\r\n"),
  Refusal(.chunkSizeInvalid, 400, " 1\r\na\r\n0\r\n\r\n"),
  Refusal(.chunkSizeInvalid, 400, "1 \r\na\r\n0\r\n\r\n"),
  Refusal(.chunkSizeInvalid, 400, "1 ;a\r\na\r\n0\r\n\r\n"),
  Refusal(.chunkSizeInvalid, 400, "g\r\n"),
  Refusal(.chunkSizeInvalid, 400, "00000000000000001\r\na\r\n0\r\n\r\n"),
  Refusal(.chunkSizeInvalid, 400, "8000000000000000\r\n"),
  Refusal(.chunkSizeInvalid, 400, "ffffffffffffffff\r\n"),
  Refusal(.chunkSizeInvalid, 400, "1\r\na\r\n\r\n"),
  Refusal(.chunkSizeInvalid, 400, "1\r\na\r\n;a\r\n\r\n"),
  Refusal(.bareLineFeed, 400, "1\na\r\n0\r\n\r\n"),
  Refusal(.bareLineFeed, 400, "1;a\na\r\n0\r\n\r\n"),
  Refusal(.bareLineFeed, 400, "1\na\r\n0\r\n\r\n").under { $0.acceptsBareLineFeed = true },
  Refusal(.bareLineFeed, 400, "0\r\nX: a\n\r\n").under { $0.acceptsBareLineFeed = true },
  Refusal(.bareCarriageReturn, 400, "1\r\ra\r\n0\r\n\r\n"),
  Refusal(.bareCarriageReturn, 400, "0\r\n\ra"),
  Refusal(.bareCarriageReturn, 400, "0\r\nX: a\rb\r\n\r\n"),
  Refusal(.chunkEndMissing, 400, "1\r\nab\r\n0\r\n\r\n"),
  Refusal(.chunkEndMissing, 400, "1\r\na\n0\r\n\r\n"),
  Refusal(.chunkEndMissing, 400, "1\r\na\r0\r\n\r\n"),
  Refusal(.chunkEndMissing, 400, "1\r\na0\r\n\r\n"),
  Refusal(.chunkExtensionInvalid, 400, "1;\r\na\r\n0\r\n\r\n"),
  Refusal(.chunkExtensionInvalid, 400, "1;=b\r\na\r\n0\r\n\r\n"),
  Refusal(.chunkExtensionInvalid, 400, "1;a=\r\na\r\n0\r\n\r\n"),
  Refusal(.chunkExtensionInvalid, 400, "1;a \r\na\r\n0\r\n\r\n"),
  Refusal(.chunkExtensionInvalid, 400, "1;a b\r\na\r\n0\r\n\r\n"),
  Refusal(.chunkExtensionInvalid, 400, "1;a=b c\r\na\r\n0\r\n\r\n"),
  Refusal(.chunkExtensionInvalid, 400, "1;a=\"b\u{0}\"\r\na\r\n0\r\n\r\n"),
  Refusal(.chunkExtensionInvalid, 400, "1;a=\"b\r\na\r\n0\r\n\r\n"),
  Refusal(.chunkExtensionInvalid, 400, "1;a=\"b\"c\r\na\r\n0\r\n\r\n"),
  Refusal(.chunkExtensionInvalid, 400, "1;a=\"b\\\r\na\r\n0\r\n\r\n"),
  Refusal(
    .chunkExtensionsTooLarge, 400, "1;" + String(repeating: "a", count: 16_384) + "\r\na\r\n"),
  Refusal(.chunkExtensionsTooLarge, 400, "1;aaaa\r\na\r\n1;aaaa\r\na\r\n0\r\n\r\n").under {
    $0.chunkExtensionBytesMax = 9
  },
  Refusal(
    .trailersTooLarge, 431, "0\r\nX: " + String(repeating: "a", count: 16_384) + "\r\n\r\n"),
  Refusal(
    .tooManyTrailers, 431,
    "0\r\n" + (1...101).map { "X\($0): a\r\n" }.joined() + "\r\n"),
  Refusal(.controlByte, 400, "0\r\nX: \u{0}\r\n\r\n"),
  Refusal(.fieldNameInvalid, 400, "0\r\nX\r\n\r\n"),
  Refusal(.lineFolding, 400, "0\r\n X: a\r\n\r\n"),
  Refusal(.spaceBeforeColon, 400, "0\r\nX : a\r\n\r\n"),
  Refusal(.fieldNameAlias, 400, "0\r\ncontent_length: 1\r\n\r\n"),
]
