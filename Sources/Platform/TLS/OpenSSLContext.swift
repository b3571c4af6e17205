import COpenSSL
import COpenSSLShims

/// Owns one `SSL_CTX` with the rules that every context of ours has.
@safe
final class OpenSSLContext: @unchecked Sendable {
  // Safe to share once it is set up: OpenSSL counts references to contexts atomically.
  let pointer: OpaquePointer

  /// Forward secrecy and authenticated encryption only (the intermediate recommendation without finite-field groups).
  private static let ciphers12 =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    + "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
  private static let ciphers13 =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
  private static let groups = "X25519:P-256:P-384"

  /// A context for servers or for clients, from this version on.
  init(isServer: Bool, versionMin: TLSVersion) throws(TLSError) {
    guard let pointer = unsafe SSL_CTX_new(isServer ? TLS_server_method() : TLS_client_method())
    else { throw TLSError("", "no TLS context: \(takeOpenSSLError())") }
    unsafe self.pointer = pointer
    let floor = versionMin == .tls13 ? TLS1_3_VERSION : TLS1_2_VERSION
    guard unsafe weir_tls_harden(pointer, floor, TLS1_3_VERSION) == 1,
      unsafe SSL_CTX_set_cipher_list(pointer, Self.ciphers12) == 1,
      unsafe SSL_CTX_set_ciphersuites(pointer, Self.ciphers13) == 1,
      unsafe weir_tls_set_groups(pointer, Self.groups) == 1
    else { throw TLSError("", "OpenSSL refuses the rules: \(takeOpenSSLError())") }
    // A key that asks for a pass phrase would stop the start at a terminal.
    unsafe SSL_CTX_set_default_passwd_cb(pointer) { _, _, _, _ in 0 }
  }

  deinit { unsafe SSL_CTX_free(pointer) }

  /// Loads a certificate with its chain, and its key.
  func use(certificateFile: String, keyFile: String, _ syscalls: Syscalls) throws(TLSError) {
    try Self.checkKey(keyFile, syscalls)
    guard unsafe SSL_CTX_use_certificate_chain_file(pointer, certificateFile) == 1 else {
      throw TLSError(certificateFile, "no certificate in PEM form: \(takeOpenSSLError())")
    }
    guard unsafe SSL_CTX_use_PrivateKey_file(pointer, keyFile, SSL_FILETYPE_PEM) == 1,
      unsafe SSL_CTX_check_private_key(pointer) == 1
    else {
      throw TLSError(
        keyFile,
        "no key in PEM form, without a pass phrase, that fits \(certificateFile): \(takeOpenSSLError())"
      )
    }
  }

  /// The names that the certificate which was loaded last is for, in lower case: its DNS names, else its common name.
  var names: Set<String> {
    guard let certificate = unsafe SSL_CTX_get0_certificate(pointer) else { return [] }
    let dns = unsafe certificateNames(certificate, .dns)
    let names = dns.isEmpty ? unsafe certificateNames(certificate, .commonName) : dns
    return Set(names.map { $0.lowercased() })
  }

  /// Trusts the authorities in a PEM file.
  func trust(_ file: String) throws(TLSError) {
    guard unsafe SSL_CTX_load_verify_locations(pointer, file, nil) == 1 else {
      throw TLSError(file, "no certificates of authorities in PEM form: \(takeOpenSSLError())")
    }
  }

  /// Others must not be able to read a key, or to change it.
  private static func checkKey(_ file: String, _ syscalls: Syscalls) throws(TLSError) {
    let mode: UInt32
    do throws(SystemError) { mode = try syscalls.mode(of: file) } catch {
      throw TLSError(file, "\(error)")
    }
    guard mode & 0o027 == 0 else {
      let octal = String(mode & 0o777, radix: 8)
      throw TLSError(file, "others may read or change this key (mode \(octal)): chmod 600 it")
    }
  }
}
