internal import Accounting
internal import HTTPTypes
internal import Hummingbird

/// What a handler answers.
struct APIReply: Sendable {
  /// The HTTP status.
  var status: HTTPResponse.Status
  /// The media type of the body.
  var contentType: String
  /// The body.
  var body: ResponseBody
  /// Further fields.
  var fields: [(name: HTTPField.Name, value: String)] = []

  /// A JSON answer, with a line end after it.
  static func json(_ value: JSONValue, status: HTTPResponse.Status = .ok) -> APIReply {
    document(value.canonicalBytes + [0x0A], contentType: "application/json", status: status)
  }

  /// A document as it is.
  static func document(
    _ bytes: [UInt8], contentType: String, status: HTTPResponse.Status = .ok
  ) -> APIReply {
    APIReply(
      status: status, contentType: contentType, body: .init(byteBuffer: ByteBuffer(bytes: bytes)))
  }

  /// An answer that is made piece by piece while it is sent. A failure on the way breaks the connection
  /// off, so that nobody takes a part for the whole.
  static func streamed(
    contentType: String,
    _ make: @escaping @Sendable (_ write: ([UInt8]) async throws -> Void) async throws -> Void
  ) -> APIReply {
    APIReply(
      status: .ok, contentType: contentType,
      body: ResponseBody { writer in
        var pending: [UInt8] = []
        try await make { bytes in
          pending += bytes
          // Small pieces go out together.
          guard pending.count >= 64 * 1024 else { return }
          try await writer.write(ByteBuffer(bytes: pending))
          pending.removeAll(keepingCapacity: true)
        }
        if !pending.isEmpty { try await writer.write(ByteBuffer(bytes: pending)) }
        try await writer.finish(nil)
      })
  }

  /// The error shape: `{"error":{"code":…,"message":…,"hint":…}}`.
  static func failure(_ error: APIError) -> APIReply {
    let answer = error.answer
    var members: [JSONValue.Member] = [
      .init("code", .string(answer.code)), .init("message", .string(answer.message)),
      .init("hint", .string(answer.hint)),
    ]
    switch error {
    case .closeBlocked(let list), .postingBlocked(let list), .policyInvalid(let list),
      .tenantsInvalid(let list), .documentInvalid(let list), .ratesInvalid(let list),
      .historyInvalid(let list), .mappingInvalid(let list):
      members.append(.init("details", .array(list.map { .string($0) })))
    default: break
    }
    return json(.object([.init("error", .object(members))]), status: answer.status)
  }

  /// The answer as the web framework wants it. Nothing of it may be cached or sniffed.
  var response: Response {
    var headers = HTTPFields()
    headers[.contentType] = contentType
    headers[.cacheControl] = "no-store"
    headers[.xContentTypeOptions] = "nosniff"
    if status == .unauthorized { headers[.wwwAuthenticate] = "Bearer" }
    if status == .serviceUnavailable { headers[.retryAfter] = "5" }
    for field in fields { headers[field.name] = field.value }
    return Response(status: status, headers: headers, body: body)
  }
}
