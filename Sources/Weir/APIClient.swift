internal import Accounting
internal import Foundation
internal import HTTPClient

/// Calls to the allocator's API. A refusal becomes a failure that says what the allocator said.
struct APIClient {
  /// What is sent.
  struct Call {
    /// The method.
    var method = "GET"
    /// The path, with parts escaped by `escaped`.
    var path: String
    /// Parameters of the query.
    var query: [(name: String, value: String?)] = []
    /// The body.
    var body: [UInt8] = []
    /// Its media type.
    var contentType = "application/octet-stream"
    /// The form of the answer that is wanted.
    var accept = "application/json"
  }

  private let server: String
  private let token: String

  /// The largest answer taken: a backup.
  private static let answerBytesMax = 8 << 30
  /// A close or an import of a large file takes minutes.
  private static let totalMilliseconds = 3_600_000

  /// A client of one server with one token.
  init(server: String, token: String) {
    self.server = server.hasSuffix("/") ? String(server.dropLast()) : server
    self.token = token
  }

  /// The answer's body; throws what the allocator refused.
  func bytes(
    _ call: Call, streaming next: (() throws(HTTPClientError) -> [UInt8]?)? = nil
  ) throws(CommandFailure) -> [UInt8] {
    let response = try send(call, streaming: next)
    guard (200..<300).contains(response.status) else { throw Self.refusal(response) }
    return response.body
  }

  /// Writes the answer to a file, or to standard output when `path` is nil, as it comes. A file appears
  /// under its name when it is whole.
  func save(_ call: Call, to path: String?) throws(CommandFailure) {
    let file = try OutputFile(path)
    let response: HTTPResponse
    do {
      response = try send(call, into: { file.write($0) })
    } catch {
      // A failure of the file is the cause when there is one.
      if file.isBroken { try file.finish() }
      file.discard()
      throw error
    }
    guard (200..<300).contains(response.status) else {
      file.discard()
      throw Self.refusal(response)
    }
    try file.finish()
  }

  /// The answer as JSON; a body that is given as a stream goes out piece by piece.
  func json(
    _ call: Call, streaming next: (() throws(HTTPClientError) -> [UInt8]?)? = nil
  ) throws(CommandFailure) -> JSONValue {
    do {
      return try JSONValue(parsing: try bytes(call, streaming: next))
    } catch let error as CommandFailure {
      throw error
    } catch {
      throw .failed("the answer is not JSON: \(error)", hint: "is \(server) a Weir allocator?")
    }
  }

  /// A part of a path with everything escaped that is not plain.
  static func escaped(_ part: String) -> String {
    part.addingPercentEncoding(withAllowedCharacters: plain) ?? part
  }

  private static let plain = CharacterSet(
    charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")

  private func send(
    _ call: Call, streaming next: (() throws(HTTPClientError) -> [UInt8]?)? = nil,
    into take: (([UInt8]) -> Bool)? = nil
  ) throws(CommandFailure) -> HTTPResponse {
    let pairs = call.query.compactMap { pair in
      pair.value.map { "\(pair.name)=\(Self.escaped($0))" }
    }
    let url = server + call.path + (pairs.isEmpty ? "" : "?" + pairs.joined(separator: "&"))
    var headers = [
      HTTPRequest.Field("Authorization", "Bearer \(token)"), .init("Accept", call.accept),
    ]
    if !call.body.isEmpty || next != nil { headers.append(.init("Content-Type", call.contentType)) }
    do throws(HTTPClientError) {
      let client = try HTTPClient(
        .init(
          totalTimeoutMilliseconds: Self.totalMilliseconds, bodyBytesMax: Self.answerBytesMax))
      let request = HTTPRequest(
        method: call.method, url: url, headers: headers, body: call.body)
      if let next { return try client.send(request, streaming: next) }
      return try client.send(request, into: take)
    } catch {
      switch error {
      case .unreachable, .timedOut, .connectionLost, .notTrusted, .malformedResponse:
        throw .unreachable(
          "\(server): \(error)", hint: "is `weir allocator` running there? see --server")
      case .invalidRequest, .responseTooLarge: throw .failed("\(server): \(error)")
      }
    }
  }

  private static func refusal(_ response: HTTPResponse) -> CommandFailure {
    guard let answer = try? JSONValue(parsing: response.body), let error = answer["error"],
      let message = error["message"]?.asString
    else { return .failed("the allocator answered \(response.status)") }
    return .failed(message, hint: error["hint"]?.asString ?? "")
  }
}
