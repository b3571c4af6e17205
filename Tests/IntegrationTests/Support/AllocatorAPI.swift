import Accounting
import Foundation
import HTTPClient
import Usage

/// Calls of the allocator's API with one token.
struct AllocatorAPI {
  /// The port.
  let port: UInt16
  /// The bearer token; nil sends none.
  let token: String?

  /// One answer.
  struct Answer: CustomStringConvertible {
    /// The status.
    let status: Int
    /// The body.
    let body: [UInt8]

    /// The body as JSON; `null` when it is none.
    var json: JSONValue { (try? JSONValue(parsing: body)) ?? .null }
    /// The code of an error.
    var code: String? { json["error"]?["code"]?.asString }
    /// For a report.
    var description: String { "\(status) \(String(decoding: body.prefix(2_000), as: UTF8.self))" }
  }

  /// One call.
  func call(
    _ path: String, method: String = "GET", body: [UInt8] = []
  ) throws -> Answer {
    let client = try HTTPClient(.init(totalTimeoutMilliseconds: 60_000, bodyBytesMax: 64 << 20))
    let fields = token.map { [HTTPRequest.Field("Authorization", "Bearer \($0)")] } ?? []
    let response = try client.send(
      HTTPRequest(
        method: method, url: "http://127.0.0.1:\(port)\(path)", headers: fields, body: body))
    return Answer(status: response.status, body: response.body)
  }

  /// Delivers the bytes of a batch.
  func deliver(_ bytes: [UInt8]) throws -> Answer {
    try call("/v1/batches", method: "POST", body: bytes)
  }

  /// All that the allocator has stored of the two days around now.
  func usage() throws -> UsageByTenant {
    let now = Date().timeIntervalSince1970
    let window = [now - 86_400, now + 86_400].map {
      UTCInstant(microseconds: Int64($0) * 1_000_000).description
    }
    let answer = try call(
      "/v1/usage?from=\(window[0])&to=\(window[1])&group=tenant&limit=100000")
    guard let rows = answer.json["rows"]?.asArray else { throw UnexpectedAnswer(answer: answer) }
    return UsageByTenant(rows: rows)
  }

  /// `GET /v1/status`.
  func status() throws -> JSONValue { try call("/v1/status").json }

  /// One figure of the batches in the status.
  func batchCount(_ name: String) throws -> Int64 {
    try status()["batches"]?[name]?.asInteger ?? -1
  }
}

/// An answer that a test cannot go on with.
struct UnexpectedAnswer: Error {
  /// The answer.
  let answer: AllocatorAPI.Answer
}
