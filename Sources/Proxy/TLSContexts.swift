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
      guard tables.usesListener[index], let tls = listener.tls else {
        made.append(nil)
        continue
      }
      // Sessions are resumed at the same listener under the same rules only.
      let scope = StableHash.of("\(listener.name) \(tls)")
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
      guard tables.usesUpstream[index], let tls = upstream.tls else {
        clients.append(nil)
        continue
      }
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
}
