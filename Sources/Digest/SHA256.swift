import COpenSSL

/// A running SHA-256 (FIPS 180-4) over bytes that arrive in pieces.
///
/// The value owns one OpenSSL context and frees it when it goes away. It cannot be copied, so one
/// stream of bytes has one digest. OpenSSL fails here only when memory cannot be had; that ends the
/// process, because a ledger without hashes must not go on.
@safe public struct SHA256: ~Copyable {
  private let context: OpaquePointer

  /// SHA-256 as the default provider offers it, fetched once: `EVP_sha256()` is looked up anew by each digest.
  // Safe: never freed and never changed, and OpenSSL shares methods between threads.
  private nonisolated(unsafe) static let method: OpaquePointer = {
    guard let method = unsafe EVP_MD_fetch(nil, "SHA256", nil) else {
      preconditionFailure("OpenSSL offers no SHA-256")
    }
    return unsafe method
  }()

  /// Starts an empty digest.
  public init() {
    // Safe: the context is created here, checked, owned by this value alone and freed in deinit.
    guard let context = unsafe EVP_MD_CTX_new() else {
      preconditionFailure("OpenSSL has no memory for a digest context")
    }
    unsafe self.context = context
    // Safe: both arguments are live.
    let started = unsafe EVP_DigestInit_ex(context, Self.method, nil)
    precondition(started == 1, "OpenSSL refused to start SHA-256")
  }

  deinit {
    // Safe: the only owner frees it once.
    unsafe EVP_MD_CTX_free(context)
  }

  /// Adds bytes to the digest.
  public mutating func update(_ bytes: Span<UInt8>) {
    // Safe: the closure lends exactly `count` readable bytes, and OpenSSL keeps no reference.
    let added = unsafe bytes.withUnsafeBytes { raw in
      unsafe EVP_DigestUpdate(context, raw.baseAddress, raw.count)
    }
    precondition(added == 1, "OpenSSL refused to add to SHA-256")
  }

  /// Adds the bytes of an array to the digest.
  public mutating func update(_ bytes: [UInt8]) {
    update(bytes.span)
  }

  /// Adds the bytes of a digest, as chains do.
  public mutating func update(_ digest: Digest256) {
    update(digest.bytes.span)
  }

  /// Ends the digest and returns it.
  public consuming func finish() -> Digest256 {
    var bytes = [UInt8](repeating: 0, count: Digest256.byteCount)
    // Safe: SHA-256 writes 32 bytes, which is the size of the buffer.
    let finished = unsafe bytes.withUnsafeMutableBufferPointer { buffer in
      unsafe EVP_DigestFinal_ex(context, buffer.baseAddress, nil)
    }
    precondition(finished == 1, "OpenSSL refused to finish SHA-256")
    guard let digest = Digest256(bytes: bytes) else {
      preconditionFailure("SHA-256 has 32 bytes")
    }
    return digest
  }

  /// The digest of the bytes of one array.
  public static func hash(_ bytes: [UInt8]) -> Digest256 {
    var running = SHA256()
    running.update(bytes)
    return running.finish()
  }

  /// The digest of the UTF-8 bytes of a text.
  public static func hash(_ text: String) -> Digest256 {
    hash(Array(text.utf8))
  }
}
