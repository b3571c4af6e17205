internal import CCurl

/// The fields of a request as libcurl wants them.
@safe final class HeaderList {
  /// Nil when there is none. Valid as long as this object.
  @unsafe private(set) var first: UnsafeMutablePointer<curl_slist>?

  /// Copies the fields. An empty `Expect` keeps libcurl from waiting before a body.
  init(_ fields: [HTTPRequest.Field]) throws(HTTPClientError) {
    try append("Expect:")
    for field in fields {
      try append(field.value.isEmpty ? "\(field.name);" : "\(field.name): \(field.value)")
    }
  }

  deinit {
    // Safe: made by append, freed nowhere else.
    unsafe curl_slist_free_all(first)
  }

  private func append(_ line: String) throws(HTTPClientError) {
    // Safe: libcurl copies the string; on failure the old list stays ours.
    guard let list = unsafe curl_slist_append(first, line) else {
      throw .invalidRequest("no memory for headers")
    }
    unsafe first = list
  }
}
