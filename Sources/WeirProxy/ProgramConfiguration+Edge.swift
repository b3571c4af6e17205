import Platform
import Proxy

extension ProgramConfiguration {
  /// Keys of a listener about who connects to it and how.
  static let edgeListenerKeys: Set<String> = [
    "proxy_protocol", "v6_only", "access_log", "tls", "trust_certificates", "http2",
  ]

  /// Takes over what a listener says about who connects to it and how.
  static func takeEdge(_ node: ConfigurationNode, _ listener: inout ListenerConfiguration) {
    listener.expectsProxyHeader = node["proxy_protocol"].boolean(false)
    listener.isIPv6Only = node["v6_only"].boolean(false)
    listener.writesAccessLog = node["access_log"].boolean(true)
    listener.tls = tls(node["tls"])
    if node["http2"].exists { listener.http2 = node["http2"].boolean(true) }
    listener.trustsCertificates = node["trust_certificates"].boolean(false)
  }

  /// What a listener says about TLS; nil without the section.
  private static func tls(_ node: ConfigurationNode) -> TLSServerConfiguration? {
    guard node.exists else { return nil }
    node.allow(["certificates", "min_version", "client_certificates", "client_ca", "client_crl"])
    let identities = node["certificates"].elements.map { element in
      element.allow(["certificate", "key", "ocsp"])
      return TLSServerConfiguration.Identity(
        certificateFile: element["certificate"].requiredString(),
        keyFile: element["key"].requiredString(), ocspFile: element["ocsp"].optionalString())
    }
    var tls = TLSServerConfiguration(identities: identities)
    tls.versionMin = node["min_version"].word(tls.versionMin)
    tls.clientCertificates = node["client_certificates"].word(tls.clientCertificates)
    tls.clientCAFile = node["client_ca"].optionalString()
    tls.revocationFile = node["client_crl"].optionalString()
    return tls
  }

  /// Takes over the section about the access log; there is none without it.
  mutating func takeAccessLog(_ node: ConfigurationNode) {
    guard node.exists else { return }
    node.allow(["file", "sample", "always", "query", "path_bytes_max", "ring_bytes"])
    var log = AccessLogConfiguration(file: node["file"].requiredString())
    log.sample = node["sample"].decimal(log.sample)
    log.always = node["always"].words()
    log.keepsQuery = node["query"].boolean(log.keepsQuery)
    log.pathBytesMax = node["path_bytes_max"].integer(log.pathBytesMax)
    log.ringBytes = node["ring_bytes"].integer(log.ringBytes)
    proxy.accessLog = log
  }

  /// Takes over the section about fields that Weir writes.
  mutating func takeHeaders(_ node: ConfigurationNode) {
    node.allow(["forwarded", "trace", "request_id", "request_id_to_client"])
    proxy.headers.forwarding = node["forwarded"].word(proxy.headers.forwarding)
    proxy.headers.trace = node["trace"].word(proxy.headers.trace)
    let name = node["request_id"].string(proxy.headers.requestID ?? "off")
    proxy.headers.requestID = name == "off" ? nil : name
    proxy.headers.returnsRequestID = node["request_id_to_client"].boolean(false)
  }
}

extension ConfigurationNode {
  /// A decimal number, or `fallback` when it is absent.
  func decimal(_ fallback: Double) -> Double {
    guard exists else { return fallback }
    guard let value = Double(string()), value.isFinite else {
      fault("must be a decimal number")
      return fallback
    }
    return value
  }

  /// A list of words of an enumeration, none when it is absent.
  func words<Word: RawRepresentable & CaseIterable>() -> [Word] where Word.RawValue == String {
    strings().compactMap { text in
      if let word = Word(rawValue: text) { return word }
      let known = Word.allCases.map(\.rawValue).joined(separator: ", ")
      fault("\"\(text)\" is none of \(known)")
      return nil
    }
  }

  /// One of the words of an enumeration, or `fallback` when it is absent.
  func word<Word: RawRepresentable & CaseIterable>(_ fallback: Word) -> Word
  where Word.RawValue == String {
    guard exists else { return fallback }
    guard let word = Word(rawValue: string()) else {
      let known = Word.allCases.map(\.rawValue).joined(separator: ", ")
      fault("must be one of \(known)")
      return fallback
    }
    return word
  }
}
