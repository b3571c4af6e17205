internal import CCurl
private import CCurlShims

/// Sets the options of one easy handle, each with the right C type.
@safe struct HandleSetup {
  private let handle: UnsafeMutableRawPointer

  /// The caller keeps the handle alive while this is used.
  @unsafe init(_ handle: UnsafeMutableRawPointer) { unsafe self.handle = handle }

  /// What holds for every request of a client.
  func apply(_ configuration: HTTPClientConfiguration) throws(HTTPClientError) {
    try set(CURLOPT_NOSIGNAL, 1)
    try set(CURLOPT_PROTOCOLS_STR, "http,https")
    try set(CURLOPT_PROXY, "")
    try set(CURLOPT_USERAGENT, "weir")
    try set(CURLOPT_CONNECTTIMEOUT_MS, configuration.connectTimeoutMilliseconds)
    try set(CURLOPT_TIMEOUT_MS, configuration.totalTimeoutMilliseconds)
    if let caFile = configuration.caFile { try set(CURLOPT_CAINFO, caFile) }
    if let path = configuration.unixSocketPath { try set(CURLOPT_UNIX_SOCKET_PATH, path) }
  }

  /// The request itself. `body` and `headers` are not copied: they must outlive the exchange.
  @unsafe func apply(
    _ request: HTTPRequest, body: UnsafeRawBufferPointer,
    headers: UnsafeMutablePointer<curl_slist>?
  ) throws(HTTPClientError) {
    try set(CURLOPT_URL, request.url)
    if let limit = request.totalTimeoutMilliseconds { try set(CURLOPT_TIMEOUT_MS, limit) }
    if unsafe !body.isEmpty || ["POST", "PUT", "PATCH"].contains(request.method) {
      try set(CURLOPT_POST, 1)
      // Safe: the length is set first, so libcurl reads no further; it never writes here.
      try unsafe check(
        weir_curl_set_offset(
          handle, Int32(CURLOPT_POSTFIELDSIZE_LARGE.rawValue), Int64(body.count)))
      let bytes = unsafe body.baseAddress.map { unsafe UnsafeMutableRawPointer(mutating: $0) }
      try unsafe set(CURLOPT_POSTFIELDS, bytes)
    } else if request.method == "HEAD" {
      try set(CURLOPT_NOBODY, 1)
    }
    try set(CURLOPT_CUSTOMREQUEST, request.method)
    try unsafe set(CURLOPT_HTTPHEADER, UnsafeMutableRawPointer(headers))
  }

  /// A request whose body comes from `source`. Neither it nor `headers` is copied: they must outlive the
  /// exchange.
  @unsafe func apply(
    _ request: HTTPRequest, from source: RequestSource,
    headers: UnsafeMutablePointer<curl_slist>?
  ) throws(HTTPClientError) {
    try set(CURLOPT_URL, request.url)
    if let limit = request.totalTimeoutMilliseconds { try set(CURLOPT_TIMEOUT_MS, limit) }
    try set(CURLOPT_POST, 1)
    let context = unsafe Unmanaged.passUnretained(source).toOpaque()
    // Safe: the callback has libcurl's shape and is called only during the exchange.
    try unsafe check(weir_curl_set_sink(handle, Int32(CURLOPT_READFUNCTION.rawValue), provideBody))
    try unsafe set(CURLOPT_READDATA, context)
    try set(CURLOPT_CUSTOMREQUEST, request.method)
    try unsafe set(CURLOPT_HTTPHEADER, UnsafeMutableRawPointer(headers))
  }

  /// Hands header lines and body to `sink`, which must outlive the exchange.
  @unsafe func collect(into sink: ResponseSink) throws(HTTPClientError) {
    let context = unsafe Unmanaged.passUnretained(sink).toOpaque()
    // Safe: the callbacks have libcurl's shape and are called only during the exchange.
    try unsafe check(
      weir_curl_set_sink(handle, Int32(CURLOPT_WRITEFUNCTION.rawValue), receiveBody))
    try unsafe check(
      weir_curl_set_sink(handle, Int32(CURLOPT_HEADERFUNCTION.rawValue), receiveHeader))
    try unsafe set(CURLOPT_WRITEDATA, context)
    try unsafe set(CURLOPT_HEADERDATA, context)
  }

  /// The status of the last response, 0 when there was none.
  @unsafe func responseStatus() -> Int {
    var status = 0
    // Safe: CURLINFO_RESPONSE_CODE is a long.
    _ = unsafe weir_curl_get_long(handle, Int32(CURLINFO_RESPONSE_CODE.rawValue), &status)
    return status
  }

  /// A pointer option: whoever calls keeps what it points to.
  @unsafe func set(
    _ option: CURLoption, _ value: UnsafeMutableRawPointer?
  ) throws(HTTPClientError) {
    try unsafe check(weir_curl_set_pointer(handle, Int32(option.rawValue), value))
  }

  private func set(_ option: CURLoption, _ value: Int) throws(HTTPClientError) {
    // Safe: `option` takes a long.
    try check(unsafe weir_curl_set_long(handle, Int32(option.rawValue), value))
  }

  private func set(_ option: CURLoption, _ value: String) throws(HTTPClientError) {
    // Safe: `option` takes a string, which libcurl copies.
    try check(unsafe weir_curl_set_text(handle, Int32(option.rawValue), value))
  }

  private func check(_ code: Int32) throws(HTTPClientError) {
    guard code == 0 else { throw .invalidRequest("libcurl refuses an option, code \(code)") }
  }
}
