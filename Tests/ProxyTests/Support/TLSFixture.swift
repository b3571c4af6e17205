import PlainHTTP
import Platform
import TestSupport
import Testing

@testable import Proxy

/// Certificates that the suites about TLS share, and contexts made of them.
struct TLSFixture: Sendable {
  let authority: TestAuthority
  /// For `a.example` and `*.b.example`.
  let server: TestAuthority.Identity
  /// For a client: `spiffe://example.com/tenant/acme`.
  let client: TestAuthority.Identity

  init() throws {
    authority = try TestAuthority()
    authority.directory.removeAtExit()
    server = try authority.issue("server", ["DNS:a.example", "DNS:*.b.example"])
    client = try authority.issue(
      "client", ["URI:spiffe://example.com/tenant/acme"], commonName: "gateway-1")
  }

  /// Made once; every suite reads it.
  static let shared = Result { try TLSFixture() }

  /// What a listener shows.
  var listener: TLSServerConfiguration {
    TLSServerConfiguration(identities: [
      .init(certificateFile: server.certificate, keyFile: server.key)
    ])
  }

  /// The same, asking for certificates.
  func listener(asking: TLSServerConfiguration.ClientCertificates) -> TLSServerConfiguration {
    var tls = listener
    tls.clientCertificates = asking
    tls.clientCAFile = authority.certificate
    return tls
  }

  /// A client that knows the authority.
  func clientContext(
    name: String = "a.example", showing identity: TestAuthority.Identity? = nil,
    version: TLSVersion = .tls12
  ) throws -> TLSClientContext {
    var tls = TLSClientConfiguration(serverName: name)
    tls.caFile = authority.certificate
    tls.certificateFile = identity?.certificate
    tls.keyFile = identity?.key
    tls.versionMin = version
    return try TLSClientContext(tls, syscalls: Syscalls())
  }

  /// An upstream's side.
  func serverContext(
    _ identity: TestAuthority.Identity? = nil, protocols: [String] = []
  ) throws -> TLSServerContext {
    let shown = identity ?? server
    var tls = TLSServerConfiguration(identities: [
      .init(certificateFile: shown.certificate, keyFile: shown.key)
    ])
    tls.protocols = protocols
    return try TLSServerContext(
      tls, keys: SessionTicketKeys(seconds: 3_600), scope: [1], syscalls: Syscalls())
  }
}

extension ProxyRig {
  /// A bridge over which plain clients speak to the first listener.
  func bridge(
    _ fixture: TLSFixture, name: String = "a.example",
    showing identity: TestAuthority.Identity? = nil, version: TLSVersion = .tls12
  ) throws -> TLSBridge {
    try TLSBridge(
      to: port(), .target(fixture.clientContext(name: name, showing: identity, version: version)))
  }
}
