internal import Accounting
internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import Store

/// One authenticated request on its way to its handler.
struct APICall: Sendable {
  /// The request.
  let request: Request
  /// Parts of the path.
  let parameters: Parameters
  /// Who asks.
  let caller: Token
  /// When it arrived.
  let now: UTCInstant

  /// A part of the path, percent-decoded; throws `invalid` when it is not there.
  func parameter(_ name: String) throws(APIError) -> String {
    guard let text = parameters.get(name), let decoded = text.removingPercentEncoding,
      !decoded.isEmpty
    else { throw .invalid(what: "\(name) is missing in the path") }
    return decoded
  }

  /// A query parameter, or nil.
  func query(_ name: String) -> String? {
    request.uri.queryParameters[name[...]].map(String.init)
  }

  /// A query parameter that is a whole number within a range, or its default.
  func number(
    _ name: String, default standard: Int, in range: ClosedRange<Int>
  ) throws(APIError) -> Int {
    guard let text = query(name) else { return standard }
    guard let number = Int(text), range.contains(number) else {
      throw .invalid(
        what: "\(name) must be a number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  /// The period in the path.
  func period() throws(APIError) -> Period {
    let text = try parameter("period")
    do {
      return try Period(parsing: text)
    } catch {
      throw .invalid(what: error.description)
    }
  }

  /// The period in the query.
  func queryPeriod() throws(APIError) -> Period {
    guard let text = query("period") else { throw .invalid(what: "period is missing") }
    do {
      return try Period(parsing: text)
    } catch {
      throw .invalid(what: error.description)
    }
  }

  /// The whole body, at most `limit` bytes; throws `bodyTooLarge`.
  func body(atMost limit: Int) async throws -> [UInt8] {
    if let declared = request.headers[.contentLength].flatMap({ Int($0) }), declared > limit {
      throw APIError.bodyTooLarge(limit: limit)
    }
    var bytes: [UInt8] = []
    for try await chunk in request.body {
      // Bound: `limit`, checked before the chunk is taken.
      guard bytes.count + chunk.readableBytes <= limit else {
        throw APIError.bodyTooLarge(limit: limit)
      }
      bytes.append(contentsOf: chunk.readableBytesView)
    }
    return bytes
  }

  /// The body as a JSON object; an empty body is an empty object.
  func jsonObject(atMost limit: Int = 64 * 1024) async throws -> JSONValue {
    let bytes = try await body(atMost: limit)
    guard !bytes.isEmpty else { return .object([]) }
    do {
      let value = try JSONValue(parsing: bytes)
      guard case .object = value else { throw APIError.invalid(what: "a JSON object is expected") }
      return value
    } catch let error as AccountingError {
      throw APIError.invalid(what: error.description)
    }
  }

  /// An audit record of this call.
  func record(
    _ action: AuditRecord.Action, _ subject: String, _ detail: String = ""
  ) -> AuditRecord {
    AuditRecord(at: now, actor: caller.name, action: action, subject: subject, detail: detail)
  }
}
