import Platform

extension ListenerConfiguration {
  /// What is wrong with what it says about TLS; files are looked at when they are loaded.
  func validateTLS(at place: String) -> [String] {
    guard let tls else {
      return trustsCertificates
        ? ["\(place).trust_certificates: needs tls that asks for client_certificates"] : []
    }
    var faults: [String] = []
    if tls.identities.isEmpty {
      faults.append("\(place).tls.certificates: at least one is needed")
    }
    // Bound: each is loaded, and its names are looked up in each handshake.
    if tls.identities.count > 4_096 {
      faults.append("\(place).tls.certificates: at most 4096")
    }
    let asks = tls.asksForCertificates
    if asks && tls.clientCAFile == nil {
      faults.append("\(place).tls.client_ca: needed to verify client_certificates")
    }
    if !asks && (tls.clientCAFile != nil || tls.revocationFile != nil) {
      faults.append(
        "\(place).tls.client_certificates: must be optional or required when client_ca or client_crl is set"
      )
    }
    if !asks && trustsCertificates {
      faults.append("\(place).trust_certificates: needs tls that asks for client_certificates")
    }
    return faults
  }
}
