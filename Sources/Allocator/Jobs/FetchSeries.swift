internal import Accounting
internal import Foundation
internal import HTTPClient

/// Asks a Prometheus for a series of one period.
///
/// One range query from the first moment of the period to its last step, or to the last full step before
/// now. The address stands in a file of the operator, never in a request.
struct FetchSeries: Sendable {
  /// Where from, and what.
  let source: SeriesSource
  /// The period.
  let period: Period
  /// The present.
  let now: UTCInstant

  /// Bound: an answer.
  private static let answerBytesMax = 64 << 20
  /// Bound: the time for it.
  private static let totalMilliseconds = 120_000

  /// The answer and what it says; throws `seriesUnavailable`.
  func run() async throws -> SeriesReading {
    let question = try source.question(period)
    let step = source.stepSeconds
    let end = min(period.end.microseconds, now.microseconds) / 1_000_000 / step * step - step
    let start = period.start.microseconds / 1_000_000
    guard end >= start else { throw APIError.invalid(what: "\(period) has no full step yet") }
    let query = [
      "query=\(Self.escaped(source.query))", "start=\(start)", "end=\(end)", "step=\(step)",
    ]
    let base = source.url.hasSuffix("/") ? String(source.url.dropLast()) : source.url
    let url = base + "/api/v1/query_range?" + query.joined(separator: "&")
    let response = try await send(url)
    guard (200..<300).contains(response.status) else {
      let reason = (try? JSONValue(parsing: response.body))?["error"]?.asString ?? ""
      throw APIError.seriesUnavailable(
        reason: "\(source.name): \(base) answered \(response.status) \(reason.prefix(300))")
    }
    return try SeriesReading.prometheus(response.body, question)
  }

  /// The client blocks, so it gets a thread of its own.
  private func send(_ url: String) async throws -> HTTPResponse {
    var headers: [HTTPRequest.Field] = []
    if let file = source.tokenFile { headers.append(.init("Authorization", try token(file))) }
    let request = HTTPRequest(method: "GET", url: url, headers: headers)
    let configuration = HTTPClientConfiguration(
      totalTimeoutMilliseconds: Self.totalMilliseconds, bodyBytesMax: Self.answerBytesMax,
      caFile: source.caFile)
    let name = source.name
    return try await withCheckedThrowingContinuation { continuation in
      Thread.detachNewThread {
        do throws(HTTPClientError) {
          continuation.resume(returning: try HTTPClient(configuration).send(request))
        } catch {
          continuation.resume(
            throwing: APIError.seriesUnavailable(reason: "\(name): \(error)"))
        }
      }
    }
  }

  private func token(_ file: String) throws(APIError) -> String {
    guard let data = FileManager.default.contents(atPath: file),
      let text = String(data: data, encoding: .utf8)
    else { throw .seriesUnavailable(reason: "\(source.name): cannot read \(file)") }
    let token = text.trimmingCharacters(in: .whitespacesAndNewlines)
    guard !token.isEmpty else {
      throw .seriesUnavailable(reason: "\(source.name): \(file) holds no token")
    }
    return "Bearer \(token)"
  }

  private static func escaped(_ text: String) -> String {
    let plain = CharacterSet(
      charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
    return text.addingPercentEncoding(withAllowedCharacters: plain) ?? ""
  }
}
