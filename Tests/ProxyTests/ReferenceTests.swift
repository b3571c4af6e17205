import Foundation
import HTTPCodec
import Testing

@testable import Proxy

/// The reference pages against the code that they describe.
@Suite struct ReferenceTests {
  /// A page of the reference, found from this file's place.
  static func page(_ name: String) throws -> String {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    return try String(contentsOf: root.appending(path: "docs/reference/\(name)"), encoding: .utf8)
  }

  /// The cells of each table row, without the header and its line.
  static func rows(_ page: String) -> [[String]] {
    page.split(separator: "\n").filter { $0.hasPrefix("| ") }
      .map { line in
        line.dropFirst(2).split(separator: "|", omittingEmptySubsequences: false).dropLast()
          .map { $0.trimmingCharacters(in: .whitespaces) }
      }
      .filter { $0[0] != "status" && $0[0] != "key" }
  }

  @Test func `errors_md lists every answer of Weir's own with its status, and no other`() throws {
    let rows = Self.rows(try Self.page("errors.md"))
    let listed = rows.map { "\($0[0]) \($0[1])" }
    let answers = LocalAnswer.all.map { "\($0.status) `\($0.code)`" }
    // A response's status line is the upstream's business; the client sees `upstream_malformed`.
    let faults = FaultCode.allCases
      .filter { $0 != .statusLineMalformed && $0 != .statusInvalid }
      .map { "\($0.status) `\($0.rawValue)`" }

    #expect(Set(listed) == Set(answers + faults))
    #expect(listed.count == Set(listed).count)
    #expect(rows.allSatisfy { $0.dropFirst(2).allSatisfy { !$0.isEmpty } })
  }

  @Test func `limits_md lists every bound and timeout with its default, and no other`() throws {
    let rows = Self.rows(try Self.page("limits.md"))
    let limits = LimitConfiguration()
    let timeouts = TimeoutConfiguration()
    let defaults = [
      "limits.head_bytes_max": limits.headBytesMax, "limits.field_count_max": limits.fieldCountMax,
      "limits.target_bytes_max": limits.targetBytesMax,
      "limits.connections_max": limits.connectionsMax,
      "limits.connections_per_address_max": limits.connectionsPerAddressMax,
      "limits.requests_per_connection_max": limits.requestsPerConnectionMax,
      "limits.proxy_header_bytes_max": limits.proxyHeaderBytesMax,
      "limits.buffer_bytes": limits.bufferBytes,
      "limits.splice_bytes_min": limits.spliceBytesMin,
      "limits.splice_pipes_max": limits.splicePipesMax,
      "limits.body_bytes_per_second_min": limits.bodyRateMin,
      "timeouts.body_rate_grace_ms": timeouts.bodyRateGraceMilliseconds,
      "timeouts.client_write_ms": timeouts.clientWriteMilliseconds,
      "timeouts.first_head_ms": timeouts.firstHeadMilliseconds,
      "timeouts.proxy_header_ms": timeouts.proxyHeaderMilliseconds,
      "limits.interim_responses_max": limits.interimResponsesMax,
      "limits.tls_handshakes_max": limits.tlsHandshakesMax,
      "limits.http2_streams_max": limits.streamsMax,
      "limits.header_list_bytes_max": limits.headerListBytesMax,
      "timeouts.request_head_ms": timeouts.requestHeadMilliseconds,
      "timeouts.keep_alive_ms": timeouts.keepAliveMilliseconds,
      "timeouts.body_ms": timeouts.bodyMilliseconds,
      "timeouts.stream_ms": timeouts.streamMilliseconds,
      "timeouts.http2_ping_ms": timeouts.pingMilliseconds,
      "timeouts.connect_ms": timeouts.connectMilliseconds,
      "timeouts.response_head_ms": timeouts.responseHeadMilliseconds,
      "timeouts.upstream_idle_ms": timeouts.upstreamIdleMilliseconds,
      "timeouts.drain_ms": timeouts.drainMilliseconds,
      "timeouts.drain_idle_ms": timeouts.drainIdleMilliseconds,
      "timeouts.drain_delay_ms": timeouts.drainDelayMilliseconds,
      "timeouts.linger_ms": timeouts.lingerMilliseconds,
      "timeouts.tls_ticket_key_ms": timeouts.ticketKeyMilliseconds,
    ]
    let listed = Dictionary(uniqueKeysWithValues: rows.map { ($0[0], $0[1]) })

    #expect(listed == Dictionary(uniqueKeysWithValues: defaults.map { ("`\($0)`", "\($1)") }))
    // One key for each stored property: a new one must be described.
    #expect(
      Mirror(reflecting: limits).children.count + Mirror(reflecting: timeouts).children.count
        == defaults.count)
  }

  @Test func `metrics that limits_md names are those of the workers`() throws {
    let page = try Self.page("limits.md")
    let known = Set(
      WorkerCounters.Cell.allCases.map { $0.metric.name }
        + ["weir_overload_level", "weir_open_descriptors"])
    let named = page.matches(of: /weir_[a-z0-9_]+/).map { String($0.output) }

    #expect(!named.isEmpty)
    #expect(named.allSatisfy { known.contains($0) })
  }

  @Test func `limits_md states the bounds that cannot be configured`() throws {
    let page = try Self.page("limits.md")
    let upstream = ProxyRig.configuration(upstream: [1]).upstreams[0]

    #expect(page.contains("\(Worker.acceptsPerTurnMax) connections accepted"))
    #expect(page.contains("\(Worker.roundsPerTurnMax) rounds"))
    #expect(page.contains("\(CostHintReader.fieldBytesMax) bytes of a Server-Timing"))
    #expect(page.contains("\(CostHintReader.metricsMax) metrics"))
    #expect(page.contains("\(AdminServer.connectionsMax) admin connections"))
    #expect(page.contains("`connections_max` (\(upstream.connectionsMax),"))
    #expect(page.contains("`idle_connections_max` (\(upstream.idleConnectionsMax) "))
  }
}
