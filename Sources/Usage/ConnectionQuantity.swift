/// Traffic of a listener that belongs to no request: handshakes, idle time, bytes before a request head.
///
/// Kept apart from the attributed quantities and never mixed with them. Raw values are a file format.
public enum ConnectionQuantity: UInt8, CaseIterable, Sendable {
  /// Connections accepted.
  case accepted = 0
  /// Connections closed, for whatever reason.
  case closed
  /// Connections refused because a limit was reached.
  case refused
  /// Bytes received that belong to no request: an incomplete head, bytes after the last message.
  case receivedBytes
  /// Bytes sent that belong to no request.
  case sentBytes
  /// Time that keep-alive connections waited for their next request, in milliseconds.
  case idleMilliseconds

  /// How many there are.
  public static let count = 6

  /// The name used in metrics and batches, for example `connections_accepted`.
  public var name: String {
    switch self {
    case .accepted: "connections_accepted"
    case .closed: "connections_closed"
    case .refused: "connections_refused"
    case .receivedBytes: "connection_received_bytes"
    case .sentBytes: "connection_sent_bytes"
    case .idleMilliseconds: "connection_idle_ms"
    }
  }
}
