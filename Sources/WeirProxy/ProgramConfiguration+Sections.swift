import Metering
import Proxy
import Shipping
import Usage

extension ProgramConfiguration {
  mutating func takeLimits(_ node: ConfigurationNode) {
    node.allow([
      "head_bytes_max", "field_count_max", "target_bytes_max", "connections_max",
      "connections_per_address_max", "requests_per_connection_max", "proxy_header_bytes_max",
      "buffer_bytes", "splice_bytes_min", "splice_pipes_max", "body_bytes_per_second_min",
      "interim_responses_max", "tls_handshakes_max", "http2_streams_max",
      "header_list_bytes_max",
    ])
    proxy.limits.headBytesMax = node["head_bytes_max"].integer(proxy.limits.headBytesMax)
    proxy.limits.fieldCountMax = node["field_count_max"].integer(proxy.limits.fieldCountMax)
    proxy.limits.targetBytesMax = node["target_bytes_max"].integer(proxy.limits.targetBytesMax)
    proxy.limits.connectionsMax = node["connections_max"].integer(proxy.limits.connectionsMax)
    proxy.limits.connectionsPerAddressMax =
      node["connections_per_address_max"].integer(proxy.limits.connectionsPerAddressMax)
    proxy.limits.requestsPerConnectionMax =
      node["requests_per_connection_max"].integer(proxy.limits.requestsPerConnectionMax)
    proxy.limits.bodyRateMin =
      node["body_bytes_per_second_min"].integer(proxy.limits.bodyRateMin)
    proxy.limits.proxyHeaderBytesMax =
      node["proxy_header_bytes_max"].integer(proxy.limits.proxyHeaderBytesMax)
    proxy.limits.interimResponsesMax =
      node["interim_responses_max"].integer(proxy.limits.interimResponsesMax)
    proxy.limits.tlsHandshakesMax =
      node["tls_handshakes_max"].integer(proxy.limits.tlsHandshakesMax)
    proxy.limits.streamsMax = node["http2_streams_max"].integer(proxy.limits.streamsMax)
    proxy.limits.headerListBytesMax =
      node["header_list_bytes_max"].integer(proxy.limits.headerListBytesMax)
    proxy.limits.bufferBytes = node["buffer_bytes"].integer(proxy.limits.bufferBytes)
    proxy.limits.spliceBytesMin = node["splice_bytes_min"].integer(proxy.limits.spliceBytesMin)
    proxy.limits.splicePipesMax = node["splice_pipes_max"].integer(proxy.limits.splicePipesMax)
  }

  mutating func takeTimeouts(_ node: ConfigurationNode) {
    node.allow([
      "first_head_ms", "proxy_header_ms", "request_head_ms", "keep_alive_ms", "body_ms",
      "body_rate_grace_ms", "client_write_ms", "stream_ms", "connect_ms", "response_head_ms",
      "upstream_idle_ms", "drain_ms", "drain_idle_ms", "drain_delay_ms", "linger_ms",
      "tls_ticket_key_ms", "http2_ping_ms",
    ])
    func read(_ key: String, _ value: inout Int) { value = node[key].integer(value) }
    read("first_head_ms", &proxy.timeouts.firstHeadMilliseconds)
    read("proxy_header_ms", &proxy.timeouts.proxyHeaderMilliseconds)
    read("request_head_ms", &proxy.timeouts.requestHeadMilliseconds)
    read("keep_alive_ms", &proxy.timeouts.keepAliveMilliseconds)
    read("body_ms", &proxy.timeouts.bodyMilliseconds)
    read("body_rate_grace_ms", &proxy.timeouts.bodyRateGraceMilliseconds)
    read("client_write_ms", &proxy.timeouts.clientWriteMilliseconds)
    read("stream_ms", &proxy.timeouts.streamMilliseconds)
    read("http2_ping_ms", &proxy.timeouts.pingMilliseconds)
    read("connect_ms", &proxy.timeouts.connectMilliseconds)
    read("response_head_ms", &proxy.timeouts.responseHeadMilliseconds)
    read("upstream_idle_ms", &proxy.timeouts.upstreamIdleMilliseconds)
    read("drain_ms", &proxy.timeouts.drainMilliseconds)
    read("drain_idle_ms", &proxy.timeouts.drainIdleMilliseconds)
    read("drain_delay_ms", &proxy.timeouts.drainDelayMilliseconds)
    read("linger_ms", &proxy.timeouts.lingerMilliseconds)
    read("tls_ticket_key_ms", &proxy.timeouts.ticketKeyMilliseconds)
  }

  static func units(_ node: ConfigurationNode) -> [UnitDeclaration] {
    node.elements.map { element in
      element.allow(["name", "unit"])
      return UnitDeclaration(
        name: element["name"].requiredString(), unit: element["unit"].string("1"))
    }
  }

  mutating func takeMetering(
    _ node: ConfigurationNode, instance: ConfigurationNode, units: [UnitDeclaration]
  ) {
    node.allow([
      "directory", "active_directory", "interval_seconds", "cardinality_limit", "units",
    ])
    metering.instance = instance.optionalString()
    metering.workers = max(1, proxy.workers)
    metering.sealedDirectory = node["directory"].string("/var/lib/weir-proxy/segments")
    metering.activeDirectory = node["active_directory"].string(metering.activeDirectory)
    metering.intervalSeconds = node["interval_seconds"].integer(metering.intervalSeconds)
    metering.cardinalityLimit = node["cardinality_limit"].integer(metering.cardinalityLimit)
    metering.routes = proxy.routes.map(\.name)
    metering.listeners = proxy.listeners.map(\.name)
    metering.units = units
  }
}

extension ProgramConfiguration {
  mutating func takeShipping(_ node: ConfigurationNode) {
    node.allow([
      "url", "token_file", "spool", "ca_file", "unix_socket", "spool_bytes_max",
      "acknowledged_retention_seconds", "acknowledged_bytes_max", "connect_timeout_ms",
      "delivery_timeout_ms", "retry_base_ms", "retry_max_ms", "drain_timeout_ms",
    ])
    func read(_ key: String, _ value: inout Int) { value = node[key].integer(value) }
    isShippingOn = node["url"].exists
    shipping.allocatorURL = node["url"].string()
    shipping.tokenFile = node["token_file"].string()
    shipping.spoolDirectory = node["spool"].string("/var/lib/weir-proxy/spool")
    shipping.caFile = node["ca_file"].optionalString()
    shipping.unixSocketPath = node["unix_socket"].optionalString()
    read("spool_bytes_max", &shipping.spoolBytesMax)
    read("acknowledged_retention_seconds", &shipping.acknowledgedRetentionSeconds)
    read("acknowledged_bytes_max", &shipping.acknowledgedBytesMax)
    read("connect_timeout_ms", &shipping.connectTimeoutMilliseconds)
    read("delivery_timeout_ms", &shipping.deliveryTimeoutMilliseconds)
    read("retry_base_ms", &shipping.retryBaseMilliseconds)
    read("retry_max_ms", &shipping.retryMaxMilliseconds)
    read("drain_timeout_ms", &shipping.drainTimeoutMilliseconds)
  }

  /// The faults of the shipping section; without a URL batches only gather in the spool.
  func shippingFaults() -> [String] {
    guard isShippingOn else { return [] }
    do throws(ShippingError) {
      try shipping.validate()
      return []
    } catch {
      return ["shipping: \(error)"]
    }
  }
}
