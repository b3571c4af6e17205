import COpenSSL

@testable import Platform

// What a test makes a client do that the product never does, and what it looks at.

extension TLSClientContext {
  func setVersionMax(_ version: Int) {
    // 124 is SSL_CTRL_SET_MAX_PROTO_VERSION and 123 the lowest one, which only macros name.
    unsafe SSL_CTX_ctrl(context.pointer, 124, version, nil)
    if version < 0x0303 {
      unsafe SSL_CTX_ctrl(context.pointer, 123, version, nil)
      // Debian's OpenSSL speaks TLS 1.1 on security level 0 only.
      unsafe SSL_CTX_set_security_level(context.pointer, 0)
      unsafe SSL_CTX_set_cipher_list(context.pointer, "ALL:@SECLEVEL=0")
    }
  }

  func setProtocols(_ wire: [UInt8]) {
    unsafe SSL_CTX_set_alpn_protos(context.pointer, wire, UInt32(wire.count))
  }

  func setSignatureAlgorithms(_ list: String) {
    // 98 is SSL_CTRL_SET_SIGALGS_LIST.
    var text = Array(list.utf8CString)
    unsafe SSL_CTX_ctrl(context.pointer, 98, 0, &text)
  }

  func askForStatus() {
    // 65 is SSL_CTRL_SET_TLSEXT_STATUS_REQ_TYPE; 1 is OCSP.
    unsafe SSL_CTX_ctrl(context.pointer, 65, 1, nil)
  }
}

extension TLSSession {
  /// Sends one message that changes the key (RFC 8446 §4.6.3).
  func updateKey() {
    unsafe SSL_key_update(session, SSL_KEY_UPDATE_NOT_REQUESTED)
    unsafe SSL_do_handshake(session)
  }

  /// DNS names of the certificate that the server showed.
  func shownNames() -> [String] {
    guard let certificate = unsafe SSL_get1_peer_certificate(session) else { return [] }
    defer { unsafe X509_free(certificate) }
    return unsafe certificateNames(certificate, .dns)
  }

  func peerHasRSA() -> Bool {
    guard let certificate = unsafe SSL_get1_peer_certificate(session) else { return false }
    defer { unsafe X509_free(certificate) }
    return unsafe EVP_PKEY_get_base_id(X509_get0_pubkey(certificate)) == EVP_PKEY_RSA
  }

  /// Bytes of the stapled response, -1 for none.
  func stapledCount() -> Int {
    // 70 is SSL_CTRL_GET_TLSEXT_STATUS_REQ_OCSP_RESP.
    var response: UnsafeMutableRawPointer?
    return unsafe SSL_ctrl(session, 70, 0, &response)
  }
}
