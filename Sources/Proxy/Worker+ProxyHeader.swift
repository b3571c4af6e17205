import Metering
import Platform
import Usage

extension Worker {
  /// Reads the PROXY header at the front of a connection; true when the connection went on or was closed.
  ///
  /// Its bytes belong to no request: they are received bytes of the connection.
  func readProxyHeader(_ connection: DownstreamConnection) -> Bool {
    guard let input = connection.channel.input, !input.isEmpty else { return false }
    switch ProxyHeader.parse(input.readable, bytesMax: limits.proxyHeaderBytesMax) {
    case .needMore: return false
    case .malformed:
      counters.add(.proxyHeadersMalformed)
      close(connection)
      return true
    case .complete(let length, let source):
      meter.recordConnection(listener: connection.listener, .receivedBytes, UInt64(length))
      input.consume(length)
      take(source, connection)
      if !connection.isClosed { beginHandshake(connection) }
      return true
    }
  }

  /// Who speaks from here on, and whether it is believed. The direct peer was believed about the address, because
  /// it is trusted; the fields of requests are the announced client's, so that one's address decides about them.
  private func take(_ source: ProxyHeader.Source, _ connection: DownstreamConnection) {
    connection.awaitsProxyHeader = false
    switch source {
    case .peer: break
    case .unknown: connection.isTrusted = false
    case .client(let address):
      guard admits(address, connection) else { return }
      connection.client = address
      connection.isTrusted = isTrusted(address, onListener: connection.listener)
    }
    connection.deadline = connection.idleSince + timeouts.firstHead
  }

  /// Holds what the listener denies and the bound of connections of an address against the announced client; false
  /// when the connection was closed for it.
  private func admits(_ address: ClientAddress, _ connection: DownstreamConnection) -> Bool {
    let denied = deniedRanges[connection.listener]
    if !denied.isEmpty && denied.contains(where: { $0.contains(address.bytes) }) {
      counters.add(.refusedDenied)
    } else if let key = countedAddress(address.bytes) {
      connection.addressKey = key
      return true
    } else {
      counters.add(.refusedPerAddress)
    }
    close(connection)
    return false
  }

  /// Whether a listener, by its place in the configuration, trusts an address.
  private func isTrusted(_ address: ClientAddress, onListener index: Int) -> Bool {
    trustedRanges[index].contains { $0.contains(address.bytes) }
  }
}
