private import CCurl
private import CCurlShims

/// Sends requests one after the other and keeps the connection between them.
///
/// Blocking. One instance a thread: it is not Sendable.
@safe public final class HTTPClient {
  private let configuration: HTTPClientConfiguration
  private let handle: UnsafeMutableRawPointer

  /// libcurl's own state of the process, made once by Swift's lazy globals before the first client.
  private static let globalCode: CURLcode = {
    curl_global_init(Int(CURL_GLOBAL_DEFAULT))
  }()

  /// A client; nothing is connected yet.
  public init(_ configuration: HTTPClientConfiguration = .init()) throws(HTTPClientError) {
    // Safe: the handle is checked, and freed once in deinit.
    guard Self.globalCode == CURLE_OK, let handle = unsafe curl_easy_init() else {
      throw .invalidRequest("libcurl cannot be initialised")
    }
    self.configuration = configuration
    unsafe self.handle = handle
  }

  deinit {
    // Safe: made in init, freed nowhere else.
    unsafe curl_easy_cleanup(handle)
  }

  /// Sends one request and waits for the final response. Redirects are responses like others.
  ///
  /// `take` gets the body of a success piece by piece, however long it is, instead of the response; when
  /// it returns false, the exchange ends with an error.
  public func send(
    _ request: HTTPRequest, into take: (([UInt8]) -> Bool)? = nil
  ) throws(HTTPClientError) -> HTTPResponse {
    try Self.validate(request)
    // Safe: the handle lives as long as self.
    let setup = unsafe HandleSetup(handle)
    let headers = try HeaderList(request.headers)
    var text = [CChar](repeating: 0, count: Int(CURL_ERROR_SIZE))
    let sink = ResponseSink(bodyBytesMax: configuration.bodyBytesMax)
    sink.take = take
    // Safe: everything that libcurl is given here outlives `perform`, and `reset` makes it forget.
    // Safe: errors are text, any bytes are valid; the pointer stays in the closure.
    var textSpan = text.mutableSpan
    let code = try unsafe textSpan.withUnsafeMutableBufferPointer {
      (text) throws(HTTPClientError) -> CURLcode in
      let bytes = unsafe request.body.span.bytes
      return try unsafe bytes.withUnsafeBytes { (body) throws(HTTPClientError) -> CURLcode in
        defer { unsafe curl_easy_reset(handle) }
        try setup.apply(configuration)
        try unsafe setup.apply(request, body: body, headers: headers.first)
        try unsafe setup.set(CURLOPT_ERRORBUFFER, UnsafeMutableRawPointer(text.baseAddress))
        try unsafe setup.collect(into: sink)
        let code = unsafe curl_easy_perform(handle)
        sink.status = unsafe setup.responseStatus()
        return code
      }
    }
    guard code == CURLE_OK else { throw Self.error(code, text, sink) }
    return HTTPResponse(status: sink.status, headers: sink.headers, body: sink.body)
  }

  /// Sends one request whose body comes piece by piece, in chunks, and waits for the final response.
  ///
  /// `next` gives the pieces, and nil at the end; what it throws ends the exchange. Memory: one piece.
  public func send(
    _ request: HTTPRequest, streaming next: @escaping () throws(HTTPClientError) -> [UInt8]?
  ) throws(HTTPClientError) -> HTTPResponse {
    precondition(request.body.isEmpty, "a request has one body")
    var request = request
    request.headers.append(.init("Transfer-Encoding", "chunked"))
    try Self.validate(request)
    // Safe: the handle lives as long as self.
    let setup = unsafe HandleSetup(handle)
    let headers = try HeaderList(request.headers)
    var text = [CChar](repeating: 0, count: Int(CURL_ERROR_SIZE))
    let sink = ResponseSink(bodyBytesMax: configuration.bodyBytesMax)
    let source = RequestSource(next)
    // Safe: everything that libcurl is given here outlives `perform`, and `reset` makes it forget.
    var textSpan = text.mutableSpan
    let code = try unsafe textSpan.withUnsafeMutableBufferPointer {
      (text) throws(HTTPClientError) -> CURLcode in
      defer { unsafe curl_easy_reset(handle) }
      try setup.apply(configuration)
      try unsafe setup.apply(request, from: source, headers: headers.first)
      try unsafe setup.set(CURLOPT_ERRORBUFFER, UnsafeMutableRawPointer(text.baseAddress))
      try unsafe setup.collect(into: sink)
      let code = unsafe curl_easy_perform(handle)
      sink.status = unsafe setup.responseStatus()
      return code
    }
    if let failure = source.failure { throw failure }
    guard code == CURLE_OK else { throw Self.error(code, text, sink) }
    return HTTPResponse(status: sink.status, headers: sink.headers, body: sink.body)
  }

  /// What would let a value become another header, or another method.
  private static func validate(_ request: HTTPRequest) throws(HTTPClientError) {
    guard !request.method.isEmpty, request.method.utf8.allSatisfy({ (0x41...0x5A).contains($0) })
    else { throw .invalidRequest("method is not upper-case letters") }
    for field in request.headers {
      guard !field.name.isEmpty,
        field.name.utf8.allSatisfy({ (0x21...0x7E).contains($0) && $0 != UInt8(ascii: ":") })
      else { throw .invalidRequest("header name breaks its rule") }
      guard field.value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
        throw .invalidRequest("value of header \(field.name) holds a control character")
      }
    }
    guard request.url.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
      throw .invalidRequest("URL holds a space, control character or byte beyond ASCII")
    }
  }

  private static func error(
    _ code: CURLcode, _ text: [CChar], _ sink: ResponseSink
  ) -> HTTPClientError {
    var reason = String(
      decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    // Safe: libcurl returns a constant string.
    if reason.isEmpty { reason = unsafe String(cString: curl_easy_strerror(code)) }
    if sink.isOverflown { return .responseTooLarge(limit: sink.bodyBytesMax) }
    switch code {
    case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_CONNECT: return .unreachable(reason)
    case CURLE_OPERATION_TIMEDOUT: return .timedOut(reason)
    case CURLE_GOT_NOTHING, CURLE_SEND_ERROR, CURLE_RECV_ERROR, CURLE_PARTIAL_FILE,
      CURLE_HTTP2, CURLE_HTTP2_STREAM:
      return .connectionLost(reason)
    case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CONNECT_ERROR, CURLE_SSL_CACERT_BADFILE,
      CURLE_SSL_CERTPROBLEM, CURLE_SSL_CIPHER, CURLE_SSL_ISSUER_ERROR:
      return .notTrusted(reason)
    case CURLE_URL_MALFORMAT, CURLE_UNSUPPORTED_PROTOCOL, CURLE_OUT_OF_MEMORY,
      CURLE_BAD_FUNCTION_ARGUMENT:
      return .invalidRequest(reason)
    default: return .malformedResponse(reason)
    }
  }
}
