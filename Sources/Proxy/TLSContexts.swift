import Platform

/// Makes the TLS contexts of a configuration, from files that are read then and not later.
struct TLSContexts {
  /// By position in the table of listeners; nil without TLS.
  let listeners: [TLSServerContext?]
  /// By position in the table of upstreams; nil without TLS.
  let upstreams: [TLSClientContext?]

  /// Reads the files of every listener and upstream that is in use; throws `.configuration` with each one that cannot be used.
  init(
    _ tables: ProxyTables, keys: SessionTicketKeys, syscalls: Syscalls
  ) throws(ProxyError) {
    var faults: [String] = []
    var made: [TLSServerContext?] = []
    for (index, listener) in tables.configuration.listeners.enumerated() {
      guard tables.usesListener[index], var tls = listener.tls else {
        made.append(nil)
        continue
      }
      if listener.speaksHTTP2 { tls.protocols = ["h2", "http/1.1"] }
      // Sessions are resumed at the same listener under the same rules only; a certificate that was revoked, or whose
      // authority is gone, must not live on in a ticket.
      let rules = [tls.clientCAFile, tls.revocationFile].map { Self.content($0, syscalls) }
      let scope = StableHash.of("\(listener.name) \(tls) \(rules)")
      do throws(TLSError) {
        made.append(
          try TLSServerContext(
            tls, keys: keys, scope: Array("\(scope)".utf8), syscalls: syscalls))
      } catch {
        faults.append("listeners[\(listener.name)].tls: \(error)")
        made.append(nil)
      }
    }
    var clients: [TLSClientContext?] = []
    for (index, upstream) in tables.configuration.upstreams.enumerated() {
      guard tables.usesUpstream[index], var tls = upstream.tls else {
        clients.append(nil)
        continue
      }
      if upstream.speaksHTTP2 { tls.protocols = ["h2"] }
      do throws(TLSError) {
        clients.append(try TLSClientContext(tls, syscalls: syscalls))
      } catch {
        faults.append("upstreams.\(upstream.name).tls: \(error)")
        clients.append(nil)
      }
    }
    guard faults.isEmpty else { throw .configuration(faults) }
    listeners = made
    upstreams = clients
  }

  /// A hash of what a file holds, 0 for none or one that cannot be read, which is a fault where it is used.
  private static func content(_ file: String?, _ syscalls: Syscalls) -> UInt64 {
    // Bound: lists of large authorities have some MiB.
    guard let file, let bytes = try? syscalls.readFile(file, bytesMax: 1 << 28) else { return 0 }
    // Safe: every bit pattern is a valid byte.
    return unsafe StableHash.of(bytes.span.bytes)
  }
}
