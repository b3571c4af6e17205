import HTTPCodec
import Platform
import Usage

extension ProxyConfiguration {
  /// Every fault of the configuration with its place, empty when there is none.
  public func validate() -> [String] {
    var faults: [String] = []
    if !(0...1_024).contains(workers) { faults.append("workers: must be 0 (one a core) to 1024") }
    if listeners.isEmpty { faults.append("listeners: at least one is needed") }
    if routes.isEmpty { faults.append("routes: at least one is needed") }
    faults += validateListeners() + validateTenants() + validateUpstreams() + validateRoutes()
    faults += accessLog?.validate() ?? []
    faults += headers.validate(tenantHeader: tenants.header)
    faults += resolver.validate() + limits.validate() + timeouts.validate()
    faults += tenantLimits.validate() + overload.validate()
    let speaksHTTP2 =
      listeners.contains { $0.speaksHTTP2 } || upstreams.contains { $0.speaksHTTP2 }
    if speaksHTTP2 && limits.bufferBytes < HTTP2Session.pieceBytesMax {
      faults.append(
        "limits.buffer_bytes: must be at least \(HTTP2Session.pieceBytesMax) with HTTP/2, for a "
          + "frame")
    }
    return faults
  }

  private func validateListeners() -> [String] {
    var faults: [String] = []
    var names: Set<String> = []
    for (index, listener) in listeners.enumerated() {
      let place = "listeners[\(index)]"
      if RouteName(listener.name) == nil {
        faults.append("\(place).name: \"\(listener.name)\" is not 1 to 64 of [A-Za-z0-9._-]")
      }
      if !names.insert(listener.name).inserted {
        faults.append("\(place).name: \"\(listener.name)\" is used twice")
      }
      if listener.expectsProxyHeader && listener.trusted.isEmpty {
        faults.append(
          "\(place).proxy_protocol: needs trusted, for nobody else may send PROXY headers")
      }
      if listener.isIPv6Only && !listener.address.isIPv6 {
        faults.append("\(place).v6_only: \(listener.address) is not an IPv6 address")
      }
      faults += listener.validateTLS(at: place)
      if listener.backlog < 1 { faults.append("\(place).backlog: must be at least 1") }
    }
    return faults
  }

  private func validateTenants() -> [String] {
    var faults: [String] = []
    if !Self.isToken(tenants.header) || Self.isReservedField(tenants.header)
      || tenants.header.utf8.count > 128
    {
      faults.append("tenants.header: \"\(tenants.header)\" cannot carry a tenant")
    }
    let names = Set(listeners.map(\.name))
    for (index, rule) in tenants.rules.enumerated() {
      let place = "tenants.rules[\(index)]"
      switch rule.source {
      case .header(let name):
        if !Self.isToken(name) || Self.isReservedField(name) {
          faults.append("\(place).header.name: \"\(name)\" cannot carry a tenant")
        }
      case .certificate:
        let named = listeners.filter {
          rule.listeners.isEmpty ? $0.tls != nil : rule.listeners.contains($0.name)
        }
        if named.isEmpty || !named.allSatisfy({ $0.tls?.asksForCertificates ?? false }) {
          faults.append(
            "\(place).certificate: needs listeners whose tls asks for client_certificates")
        }
      case .hostLabel(let suffix):
        if !suffix.hasPrefix(".") || suffix.count < 2 {
          faults.append("\(place).host: must be {tenant}. and a domain")
        }
      case .pathSegment(let prefix):
        if !prefix.hasPrefix("/") || !prefix.hasSuffix("/") {
          faults.append("\(place).path: must begin with / and end with /{tenant}")
        }
      case .fixed: break
      }
      for name in rule.listeners where !names.contains(name) {
        faults.append("\(place).listeners: there is no listener \"\(name)\"")
      }
    }
    return faults
  }

  private func validateUpstreams() -> [String] {
    var faults: [String] = []
    var names: Set<String> = []
    for (index, upstream) in upstreams.enumerated() {
      let place = "upstreams.\(upstream.name)"
      if !names.insert(upstream.name).inserted {
        faults.append("upstreams[\(index)]: \"\(upstream.name)\" is used twice")
      }
      faults += upstream.validate(place)
      for name in upstream.hints.orcaCPU
      where HintConfiguration.microseconds(ofName: name) == nil {
        faults.append("\(place).hints.orca_cpu: \"\(name)\" must end in _us, _ms, _s or _seconds")
      }
      for field in upstream.hints.unitFields + upstream.hints.orcaUnits
      where !(0...3).contains(field.unit) {
        faults.append("\(place).hints: \"\(field.field)\" names no declared unit")
      }
      if !(1...1_000_000).contains(upstream.hints.cores) {
        faults.append("\(place).hints.cores: must be 1 to 1000000")
      }
    }
    return faults
  }

  private func validateRoutes() -> [String] {
    var faults: [String] = []
    let known = Set(upstreams.map(\.name))
    var seen: Set<String> = []
    var names: Set<RouteName> = []
    for (index, route) in routes.enumerated() {
      let place = "routes[\(index)]"
      if !known.contains(route.upstream) {
        faults.append("\(place).upstream: there is no upstream \"\(route.upstream)\"")
      }
      if !route.path.hasPrefix("/") { faults.append("\(place).path: must begin with /") }
      if !names.insert(route.name).inserted {
        faults.append("\(place).name: \"\(route.name)\" is used twice")
      }
      if !seen.insert("\(route.host?.lowercased() ?? "*") \(route.path)").inserted {
        faults.append("\(place): another route has the same host and path")
      }
      if let host = route.host, host.isEmpty || host.contains(":") || host.contains("/") {
        faults.append("\(place).host: \"\(host)\" must be a host name without port")
      }
      faults += route.retries.validate(place)
      for token in route.upgrades where !Self.isToken(token) {
        faults.append("\(place).upgrades: \"\(token)\" is not a token")
      }
    }
    return faults
  }

  /// Whether text is a token (RFC 9110 §5.6.2), as field names are.
  static func isToken(_ text: String) -> Bool {
    let punctuation = "!#$%&'*+-.^_`|~"
    return !text.isEmpty
      && text.utf8.allSatisfy { byte in
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
          || punctuation.utf8.contains(byte)
      }
  }

  /// Fields that mean something to HTTP and cannot also mean a tenant.
  static func isReservedField(_ name: String) -> Bool {
    [
      "host", "connection", "content-length", "transfer-encoding", "te", "trailer", "upgrade",
      "expect", "keep-alive", "via", "forwarded", "date", "server",
    ].contains(name.lowercased()) || name.lowercased().hasPrefix("x-forwarded-")
      || name.lowercased().hasPrefix("proxy-")
  }
}

extension LimitConfiguration {
  func validate() -> [String] {
    var faults: [String] = []
    if !(1_024...262_144).contains(headBytesMax) {
      faults.append("limits.head_bytes_max: must be 1024 to 262144")
    }
    if !(1...1_000).contains(fieldCountMax) {
      faults.append("limits.field_count_max: must be 1 to 1000")
    }
    if !(64...headBytesMax).contains(targetBytesMax) {
      faults.append("limits.target_bytes_max: must be 64 to head_bytes_max")
    }
    if !(1...1_000_000).contains(connectionsMax) {
      faults.append("limits.connections_max: must be 1 to 1000000")
    }
    if !(0...1_000_000).contains(connectionsPerAddressMax) {
      faults.append("limits.connections_per_address_max: must be 0 to 1000000")
    }
    if requestsPerConnectionMax < 1 {
      faults.append("limits.requests_per_connection_max: must be at least 1")
    }
    if !(1...1_000_000).contains(tlsHandshakesMax) {
      faults.append("limits.tls_handshakes_max: must be 1 to 1000000")
    }
    if !(1...10_000).contains(streamsMax) {
      faults.append("limits.http2_streams_max: must be 1 to 10000")
    }
    if !(1_024...1_048_576).contains(headerListBytesMax) {
      faults.append("limits.header_list_bytes_max: must be 1024 to 1048576")
    }
    if spliceBytesMin < 16_384 { faults.append("limits.splice_bytes_min: must be at least 16384") }
    if !(0...65_536).contains(splicePipesMax) {
      faults.append("limits.splice_pipes_max: must be 0 (copy everything) to 65536")
    }
    if !(0...1_000_000_000).contains(bodyRateMin) {
      faults.append("limits.body_bytes_per_second_min: must be 0 (no bound) to 1000000000")
    }
    if !(232...4_096).contains(proxyHeaderBytesMax) {
      faults.append("limits.proxy_header_bytes_max: must be 232 to 4096")
    }
    if !(0...1_000).contains(interimResponsesMax) {
      faults.append("limits.interim_responses_max: must be 0 to 1000")
    }
    if bufferBytes < 2 * headBytesMax + 4_096 || bufferBytes > 16_777_216 {
      faults.append(
        "limits.buffer_bytes: must be 2 x head_bytes_max + 4096 = \(2 * headBytesMax + 4_096) "
          + "to 16777216")
    }
    return faults
  }
}

extension TimeoutConfiguration {
  func validate() -> [String] {
    let named = [
      ("first_head_ms", firstHeadMilliseconds), ("proxy_header_ms", proxyHeaderMilliseconds),
      ("request_head_ms", requestHeadMilliseconds), ("keep_alive_ms", keepAliveMilliseconds),
      ("body_ms", bodyMilliseconds),
      ("body_rate_grace_ms", bodyRateGraceMilliseconds),
      ("client_write_ms", clientWriteMilliseconds), ("stream_ms", streamMilliseconds),
      ("connect_ms", connectMilliseconds), ("response_head_ms", responseHeadMilliseconds),
      ("upstream_idle_ms", upstreamIdleMilliseconds), ("drain_ms", drainMilliseconds),
      ("drain_idle_ms", drainIdleMilliseconds),
      ("linger_ms", lingerMilliseconds), ("tls_ticket_key_ms", ticketKeyMilliseconds),
    ]
    let optional = [
      ("drain_delay_ms", drainDelayMilliseconds), ("http2_ping_ms", pingMilliseconds),
    ]
    return optional.compactMap { name, value in
      (0...86_400_000).contains(value) ? nil : "timeouts.\(name): must be 0 to 86400000"
    }
      + named.compactMap { name, value in
        (1...86_400_000).contains(value) ? nil : "timeouts.\(name): must be 1 to 86400000"
      }
  }
}
