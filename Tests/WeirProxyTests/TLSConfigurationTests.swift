import Platform
import Testing

@testable import Proxy
@testable import WeirProxy

@Suite struct TLSConfigurationTests {
  private static func read(
    listener: String = "", upstream: String = "", rules: String = "",
    addresses: String = "\"a.example:443\"", more: String = ""
  ) -> (configuration: ProgramConfiguration, faults: [String]) {
    ProgramConfiguration.read(
      """
      listeners:
        - { name: main, address: "127.0.0.1:0"\(listener) }
      tenants: { rules: [\(rules)] }
      upstreams:
        app: { addresses: [\(addresses)]\(upstream) }
      routes:
        - { name: all, upstream: app }
      metering: { directory: /tmp/x }
      \(more)
      """)
  }

  private static let one = "certificates: [{ certificate: /c, key: /k }]"
  private static let asking = "client_certificates: optional, client_ca: /ca"

  @Test func `every key about TLS is read`() throws {
    let (configuration, faults) = Self.read(
      listener: """
        , trust_certificates: true, tls: { min_version: "1.3", client_certificates: required,
        client_ca: /ca, client_crl: /crl,
        certificates: [{ certificate: /c, key: /k, ocsp: /o }, { certificate: /d, key: /l }] }
        """,
      upstream: """
        , tls: { server_name: b.example, verify: true, ca: /uca, certificate: /uc, key: /uk,
        min_version: "1.3" }
        """,
      rules: "{ certificate: { name: cn, prefix: p- } }, { certificate: { name: dns } }",
      more: """
        limits: { tls_handshakes_max: 7 }
        timeouts: { tls_ticket_key_ms: 8 }
        """)
    var tls = TLSServerConfiguration(identities: [
      .init(certificateFile: "/c", keyFile: "/k", ocspFile: "/o"),
      .init(certificateFile: "/d", keyFile: "/l"),
    ])
    tls.versionMin = .tls13
    tls.clientCertificates = .required
    tls.clientCAFile = "/ca"
    tls.revocationFile = "/crl"
    var upstream = TLSClientConfiguration(serverName: "b.example")
    upstream.caFile = "/uca"
    upstream.certificateFile = "/uc"
    upstream.keyFile = "/uk"
    upstream.versionMin = .tls13

    #expect(faults == [])
    #expect(configuration.proxy.listeners[0].tls == tls)
    #expect(configuration.proxy.listeners[0].trustsCertificates)
    #expect(configuration.proxy.upstreams[0].tls == upstream)
    #expect(configuration.proxy.limits.tlsHandshakesMax == 7)
    #expect(configuration.proxy.timeouts.ticketKeyMilliseconds == 8)
    #expect(
      configuration.proxy.tenants.rules == [
        TenantRule(.certificate(.commonName, prefix: "p-")),
        TenantRule(.certificate(.dns, prefix: "")),
      ])
  }

  @Test func `an upstream's name is that of its addresses, and TLS is off without the section`() {
    let named = Self.read(upstream: ", tls: {}", addresses: "\"a.example:1\", \"a.example:2\"")

    #expect(named.faults == [])
    #expect(named.configuration.proxy.upstreams[0].tls?.serverName == "a.example")
    #expect(named.configuration.proxy.upstreams[0].tls?.verifies == true)
    #expect(Self.read().configuration.proxy.upstreams[0].tls == nil)
    #expect(Self.read().configuration.proxy.listeners[0].tls == nil)
  }

  @Test(arguments: [
    (", tls: {}", "listeners[0].tls.certificates: at least one is needed"),
    (", tls: { certificates: [{ key: /k }] }", "tls.certificates[0].certificate: is missing"),
    (", tls: { certificates: [{ certificate: /c }] }", "tls.certificates[0].key: is missing"),
    (", tls: { certificates: [{ certificate: /c, key: /k, oscp: /o }] }", "unknown key \"oscp\""),
    (", tls: { \(one), ciphers: ALL }", "unknown key \"ciphers\""),
    (", tls: { \(one), min_version: \"1.1\" }", "listeners[0].tls.min_version:"),
    (", tls: { \(one), client_certificates: maybe }", "listeners[0].tls.client_certificates:"),
    (", tls: { \(one), client_certificates: required }", "listeners[0].tls.client_ca: needed"),
    (", tls: { \(one), client_ca: /ca }", "tls.client_certificates: must be optional or required"),
    (", trust_certificates: true", "listeners[0].trust_certificates: needs tls"),
    (", tls: { \(one) }, trust_certificates: true", "listeners[0].trust_certificates: needs tls"),
  ])
  func `a fault of a listener's TLS is named with its place`(listener: String, fault: String) {
    let faults = Self.read(listener: listener).faults

    #expect(faults.contains { $0.contains(fault) }, "\(faults)")
  }

  @Test(arguments: [
    ("\"127.0.0.1:1\"", ", tls: {}", "upstreams.app.tls.server_name: needed"),
    ("\"a.example:1\", \"b.example:1\"", ", tls: {}", "upstreams.app.tls.server_name: needed"),
    ("\"a.example:1\"", ", tls: { key: /k }", "upstreams.app.tls.key: certificate and key"),
    ("\"a.example:1\"", ", tls: { verify: false, ca: /c }", "upstreams.app.tls.ca: of no use"),
    ("\"a.example:1\"", ", tls: { sni: x }", "unknown key \"sni\""),
    ("\"a.example:1\"", ", tls: { min_version: \"1.0\" }", "upstreams.app.tls.min_version:"),
  ])
  func `a fault of an upstream's TLS is named with its place`(
    addresses: String, upstream: String, fault: String
  ) {
    let faults = Self.read(upstream: upstream, addresses: addresses).faults

    #expect(faults.contains { $0.contains(fault) }, "\(faults)")
  }

  @Test(arguments: ["", ", tls: { \(one) }"])
  func `a rule about certificates needs listeners that ask for them`(listener: String) {
    let rule = "{ certificate: { name: uri } }"

    #expect(
      Self.read(listener: listener, rules: rule).faults.contains {
        $0.contains("tenants.rules[0].certificate: needs listeners")
      })
    #expect(
      Self.read(listener: ", tls: { \(Self.one), \(Self.asking) }", rules: rule).faults == [])
    #expect(
      Self.read(rules: "{ certificate: { name: mail } }").faults.contains {
        $0.contains("tenants.rules[0].certificate.name:")
      })
  }

  @Test func `the bound of handshakes and the age of ticket keys have limits`() {
    let faults = Self.read(
      more: "limits: { tls_handshakes_max: 0 }\ntimeouts: { tls_ticket_key_ms: 0 }"
    ).faults

    #expect(faults.contains { $0.contains("limits.tls_handshakes_max:") })
    #expect(faults.contains { $0.contains("timeouts.tls_ticket_key_ms:") })
  }
}
