import Platform

/// The names of a client's certificate that verified, read once a connection.
final class CertificateNames {
  private let uris: [[UInt8]]
  private let dns: [[UInt8]]
  private let commonNames: [[UInt8]]

  /// Nil when the client showed no certificate.
  init?(_ session: TLSSession) {
    guard session.hasVerifiedPeer else { return nil }
    func names(_ kind: TLSSession.PeerName) -> [[UInt8]] {
      session.peerNames(kind).map { Array($0.utf8) }
    }
    uris = names(.uri)
    dns = names(.dns)
    commonNames = names(.commonName)
  }

  /// Those of one kind.
  func names(_ kind: TLSSession.PeerName) -> [[UInt8]] {
    switch kind {
    case .uri: uris
    case .dns: dns
    case .commonName: commonNames
    }
  }
}
