import HTTPCodec

extension Field {
  /// Whether it may be passed on over HTTP/2: fields about the connection have no place there (RFC 9113 §8.2.2).
  var passesToHTTP2: Bool {
    switch known {
    case .connection, .keepAlive, .transferEncoding, .upgrade, .proxyConnection, .te,
      .http2Settings:
      false
    default: !isConnectionOption
    }
  }
}

extension [UInt8] {
  /// Adds a field's line as HTTP/1.1 has it.
  mutating func append(field name: RawSpan, _ value: RawSpan) {
    if capacity == 0 { reserveCapacity(512) }
    // Safe: the bytes are copied.
    unsafe name.withUnsafeBytes { unsafe append(contentsOf: $0) }
    append(0x3A)
    append(0x20)
    unsafe value.withUnsafeBytes { unsafe append(contentsOf: $0) }
    append(0x0D)
    append(0x0A)
  }
}
