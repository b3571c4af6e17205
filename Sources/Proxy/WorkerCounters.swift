import Synchronization

/// What a worker tells the admin port about itself: gauges and counts with bounded names.
///
/// One writer, the worker; read by the admin thread with relaxed loads. Usage is not here but in the meter.
public final class WorkerCounters: Sendable {
  /// The cells, each with its metric's name.
  public enum Cell: Int, CaseIterable, Sendable {
    case downstreamConnections
    case upstreamConnections
    case upstreamIdleConnections
    case openExchanges
    case timeoutsProxyHeader
    case timeoutsHandshake
    case timeoutsFirstHead
    case timeoutsRequestHead
    case timeoutsKeepAlive
    case timeoutsBody
    case timeoutsBodyRate
    case timeoutsClientWrite
    case timeoutsPing
    case timeoutsStream
    case timeoutsConnect
    case timeoutsResponseHead
    case refusedConnections
    case acceptFailures
    case upstreamBusy
    case connectionResourcesExhausted
    case retriesStale
    /// Further attempts of requests that an HTTP/2 upstream refused or never got.
    case retriesRefused
    case retriesConnect
    case retriesIdempotent
    case retriesStatus
    case retryBudgetExhausted
    case upstreamOverloaded
    case upstreamPending
    case timeoutsPending
    case upstreamUnresolved
    case upstreamEjections
    case upstreamEjectionsWithheld
    case upstreamPanics
    case upstreamConnectionsExpired
    case interimResponsesRefused
    case malformedRequests
    case malformedResponses
    case bodiesTooLarge
    case hintsRejected
    case tenantHeadersIgnored
    case proxyHeadersUntrusted
    case proxyHeadersMalformed
    case accessLogLines
    case accessLogDropped
    case accessLogFailures
    case turns
    case lentBuffers
    case lentPipes
    case pipesExhausted
    case tenantRateLimited
    case tenantConcurrencyLimited
    case tenantStreamsLimited
    case tenantBlocked
    case tenantPauses
    case tenantCellsExhausted
    case pacedConnections
    case refusedDenied
    case refusedPerAddress
    case shedLow
    case shedNormal
    case overloadClosed
    case tlsHandshakes
    case tlsHandshakesFull
    case tlsHandshakesResumed
    case tlsHandshakesFailed
    case tlsHandshakesAborted
    case tlsHandshakesDeferred
    case http2Connections
    case http2Streams
    case http2ProtocolErrors
    case http2Abusive
    case http2Resets
    case upstreamTLSFull
    case upstreamTLSResumed
    case upstreamTLSFailed

    /// The metric and its label, if it has one.
    public var metric: (name: String, label: String?, isGauge: Bool) {
      switch self {
      case .downstreamConnections: ("weir_downstream_connections", nil, true)
      case .upstreamConnections: ("weir_upstream_connections", nil, true)
      case .upstreamIdleConnections: ("weir_upstream_idle_connections", nil, true)
      case .openExchanges: ("weir_open_exchanges", nil, true)
      case .timeoutsProxyHeader: ("weir_timeouts_total", "kind=\"proxy_header\"", false)
      case .timeoutsHandshake: ("weir_timeouts_total", "kind=\"tls_handshake\"", false)
      case .timeoutsFirstHead: ("weir_timeouts_total", "kind=\"first_head\"", false)
      case .timeoutsRequestHead: ("weir_timeouts_total", "kind=\"request_head\"", false)
      case .timeoutsKeepAlive: ("weir_timeouts_total", "kind=\"keep_alive\"", false)
      case .timeoutsBody: ("weir_timeouts_total", "kind=\"body\"", false)
      case .timeoutsBodyRate: ("weir_timeouts_total", "kind=\"body_rate\"", false)
      case .timeoutsClientWrite: ("weir_timeouts_total", "kind=\"client_write\"", false)
      case .timeoutsPing: ("weir_timeouts_total", "kind=\"ping\"", false)
      case .timeoutsStream: ("weir_timeouts_total", "kind=\"stream\"", false)
      case .timeoutsConnect: ("weir_timeouts_total", "kind=\"connect\"", false)
      case .timeoutsResponseHead: ("weir_timeouts_total", "kind=\"response_head\"", false)
      case .refusedConnections:
        ("weir_refused_connections_total", "cause=\"connections_max\"", false)
      case .acceptFailures: ("weir_accept_failures_total", nil, false)
      case .upstreamBusy: ("weir_upstream_connections_exhausted_total", nil, false)
      case .connectionResourcesExhausted:
        ("weir_connection_resources_exhausted_total", nil, false)
      case .retriesStale: ("weir_retries_total", "cause=\"stale_connection\"", false)
      case .retriesRefused: ("weir_retries_total", "cause=\"refused_stream\"", false)
      case .retriesConnect: ("weir_retries_total", "cause=\"connect\"", false)
      case .retriesIdempotent: ("weir_retries_total", "cause=\"idempotent\"", false)
      case .retriesStatus: ("weir_retries_total", "cause=\"status\"", false)
      case .retryBudgetExhausted: ("weir_retry_budget_exhausted_total", nil, false)
      case .upstreamOverloaded: ("weir_upstream_overloaded_total", nil, false)
      case .upstreamPending: ("weir_upstream_pending_requests", nil, true)
      case .timeoutsPending: ("weir_timeouts_total", "kind=\"upstream_pending\"", false)
      case .upstreamUnresolved: ("weir_upstream_unresolved_total", nil, false)
      case .upstreamEjections: ("weir_upstream_ejections_total", nil, false)
      case .upstreamEjectionsWithheld: ("weir_upstream_ejections_withheld_total", nil, false)
      case .upstreamPanics: ("weir_upstream_panic_attempts_total", nil, false)
      case .upstreamConnectionsExpired: ("weir_upstream_connections_expired_total", nil, false)
      case .interimResponsesRefused: ("weir_interim_responses_refused_total", nil, false)
      case .malformedRequests: ("weir_malformed_messages_total", "from=\"client\"", false)
      case .malformedResponses: ("weir_malformed_messages_total", "from=\"upstream\"", false)
      case .bodiesTooLarge: ("weir_bodies_too_large_total", nil, false)
      case .hintsRejected: ("weir_cost_hints_rejected_total", nil, false)
      case .tenantHeadersIgnored: ("weir_untrusted_tenant_headers_total", nil, false)
      case .proxyHeadersUntrusted:
        ("weir_proxy_headers_refused_total", "cause=\"untrusted_peer\"", false)
      case .proxyHeadersMalformed:
        ("weir_proxy_headers_refused_total", "cause=\"malformed\"", false)
      case .accessLogLines: ("weir_access_log_lines_total", nil, false)
      case .accessLogDropped: ("weir_access_log_dropped_lines_total", nil, false)
      case .accessLogFailures: ("weir_access_log_failures_total", nil, false)
      case .turns: ("weir_event_loop_turns_total", nil, false)
      case .lentBuffers: ("weir_lent_buffers", nil, true)
      case .lentPipes: ("weir_lent_pipes", nil, true)
      case .pipesExhausted: ("weir_pipes_exhausted_total", nil, false)
      case .tenantRateLimited: ("weir_tenant_limited_total", "limit=\"requests\"", false)
      case .tenantConcurrencyLimited: ("weir_tenant_limited_total", "limit=\"concurrency\"", false)
      case .tenantStreamsLimited: ("weir_tenant_limited_total", "limit=\"streams\"", false)
      case .tenantBlocked: ("weir_tenant_limited_total", "limit=\"blocked\"", false)
      case .tenantPauses: ("weir_tenant_pauses_total", nil, false)
      case .tenantCellsExhausted: ("weir_tenant_cells_exhausted_total", nil, false)
      case .refusedDenied: ("weir_refused_connections_total", "cause=\"denied\"", false)
      case .refusedPerAddress: ("weir_refused_connections_total", "cause=\"per_address\"", false)
      case .shedLow: ("weir_overload_sheds_total", "priority=\"low\"", false)
      case .shedNormal: ("weir_overload_sheds_total", "priority=\"normal\"", false)
      case .overloadClosed: ("weir_overload_closed_connections_total", nil, false)
      case .tlsHandshakes: ("weir_tls_handshakes_in_flight", nil, true)
      case .tlsHandshakesFull: ("weir_tls_handshakes_total", "result=\"full\"", false)
      case .tlsHandshakesResumed: ("weir_tls_handshakes_total", "result=\"resumed\"", false)
      case .tlsHandshakesFailed: ("weir_tls_handshakes_total", "result=\"failed\"", false)
      case .tlsHandshakesAborted: ("weir_tls_handshakes_total", "result=\"aborted\"", false)
      case .tlsHandshakesDeferred: ("weir_tls_accepts_deferred_total", nil, false)
      case .http2Connections: ("weir_http2_connections", nil, true)
      case .http2Streams: ("weir_http2_streams", nil, true)
      case .http2ProtocolErrors: ("weir_http2_connection_errors_total", "cause=\"protocol\"", false)
      case .http2Abusive: ("weir_http2_connection_errors_total", "cause=\"abuse\"", false)
      case .http2Resets: ("weir_http2_resets_sent_total", nil, false)
      case .upstreamTLSFull: ("weir_upstream_tls_handshakes_total", "result=\"full\"", false)
      case .upstreamTLSResumed:
        ("weir_upstream_tls_handshakes_total", "result=\"resumed\"", false)
      case .upstreamTLSFailed: ("weir_upstream_tls_handshakes_total", "result=\"failed\"", false)
      case .pacedConnections: ("weir_paced_connections", nil, true)
      }
    }
  }

  private let cells: InlineArray<96, Atomic<UInt64>> = InlineArray { _ in Atomic(0) }

  /// All zero.
  public init() {
    precondition(Cell.allCases.count <= 96, "a cell for each counter")
  }

  /// Adds to a count. Sole writer: a plain load and store.
  @inline(__always)
  func add(_ cell: Cell, _ amount: UInt64 = 1) {
    let value = cells[cell.rawValue].load(ordering: .relaxed)
    cells[cell.rawValue].store(value &+ amount, ordering: .relaxed)
  }

  /// Takes one off a gauge.
  @inline(__always)
  func subtract(_ cell: Cell) {
    let value = cells[cell.rawValue].load(ordering: .relaxed)
    cells[cell.rawValue].store(value &- 1, ordering: .relaxed)
  }

  /// Sets a gauge.
  func set(_ cell: Cell, to value: Int) {
    cells[cell.rawValue].store(UInt64(max(0, value)), ordering: .relaxed)
  }

  /// Reads a cell; any thread.
  public func value(of cell: Cell) -> UInt64 { cells[cell.rawValue].load(ordering: .relaxed) }
}
