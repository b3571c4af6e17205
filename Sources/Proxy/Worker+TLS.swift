import HTTPCodec
import Metering
import Platform
import Usage

/// TLS with clients: the handshake comes after a PROXY header and before the first head, within the time of that head
/// (`timeouts.first_head_ms`). Its bytes belong to no request and so to the listener's own totals.
extension Worker {
  /// How long a handshake may take while others are kept waiting.
  static let hurriedHandshakeNanoseconds: UInt64 = 1_000_000_000

  /// Begins the handshake of a connection whose listener has TLS; what was received already is part of it.
  func beginHandshake(_ connection: DownstreamConnection) {
    guard let context = connection.tlsContext.take() else { return }
    let channel = connection.channel
    let early = channel.input.take()
    let session =
      if let early {
        TLSSession(server: context, descriptor: channel.descriptor, early: early.readable)
      } else {
        TLSSession(server: context, descriptor: channel.descriptor, early: RawSpan())
      }
    if let early { buffers.give(early) }
    guard let session else {
      counters.add(.tlsHandshakesFailed)
      close(connection)
      return
    }
    channel.tls = session
    connection.isHandshaking = true
    handshakes += 1
    counters.set(.tlsHandshakes, to: handshakes)
  }

  /// Goes on with a handshake; true when it is over, one way or the other.
  func shakeHands(_ connection: DownstreamConnection) -> Bool {
    let channel = connection.channel
    guard let session = channel.tls else { preconditionFailure("a handshake has a session") }
    switch session.handshake(trustsShortReads: !channel.isPeerClosed, syscalls) {
    case .wouldBlock: return false
    case .done:
      endHandshake(connection)
      connection.isEncrypted = true
      connection.certificate = CertificateNames(session)
      if connection.certificate != nil {
        connection.serverName = session.serverName.map { Array($0.lowercased().utf8) }
      }
      if connection.certificate != nil && trustsCertificates[connection.listener] {
        connection.isTrusted = true
      }
      counters.add(session.isResumed ? .tlsHandshakesResumed : .tlsHandshakesFull)
      if session.protocolName == "h2" { beginHTTP2(connection) }
      // The first request may have come with the last message of the handshake.
      channel.isReadable = session.mayHaveMore || channel.isPeerClosed
      return true
    case .ended:
      counters.add(.tlsHandshakesAborted)
      close(connection)
      return true
    case .failed:
      counters.add(.tlsHandshakesFailed)
      channel.isBroken = true
      close(connection)
      return true
    }
  }

  /// Whether a request on a connection with a client's certificate is for another host than the one that its
  /// handshake was for, whose rules may be others.
  func isMisdirected(_ connection: DownstreamConnection, host: ByteRange, in bytes: RawSpan) -> Bool
  {
    guard let name = connection.serverName else { return false }
    return !bytes.matches(host, lowercase: name)
  }

  /// Counts a handshake that is over, complete or not.
  func endHandshake(_ connection: DownstreamConnection) {
    guard connection.isHandshaking, let session = connection.channel.tls else { return }
    connection.isHandshaking = false
    handshakes -= 1
    counters.set(.tlsHandshakes, to: handshakes)
    meter.recordConnection(
      listener: connection.listener, .receivedBytes, session.receivedBytes)
    meter.recordConnection(listener: connection.listener, .sentBytes, session.sentBytes)
  }
}
