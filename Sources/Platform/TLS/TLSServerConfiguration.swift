/// What a server shows in TLS handshakes, and what it asks of its clients. Files are read when a context is made.
public struct TLSServerConfiguration: Sendable, Equatable {
  /// A certificate and its key.
  public struct Identity: Sendable, Equatable {
    /// PEM: the certificate, then those that lead to its root.
    public var certificateFile: String
    /// PEM, not encrypted. Nobody but its owner and group may read it.
    public var keyFile: String
    /// A DER OCSP response that is stapled to handshakes; nil for none.
    public var ocspFile: String?

    /// An identity without a stapled response.
    public init(certificateFile: String, keyFile: String, ocspFile: String? = nil) {
      self.certificateFile = certificateFile
      self.keyFile = keyFile
      self.ocspFile = ocspFile
    }
  }

  /// Whether clients show certificates.
  public enum ClientCertificates: String, Sendable, CaseIterable {
    /// None is asked for.
    case none
    /// One is asked for; a client without one is served, a client with a wrong one is not.
    case optional
    /// A client without a certificate that verifies is refused.
    case required
  }

  /// The first is shown to clients that name no host, or one that none of them is for. Two of the same names and
  /// different kinds of key serve side by side. At least one.
  public var identities: [Identity] = []
  /// The lowest version. Default TLS 1.2.
  public var versionMin = TLSVersion.tls12
  /// Protocols for ALPN (RFC 7301), the preferred one first.
  public var protocols = ["http/1.1"]
  /// Whether clients show certificates. Default: none.
  public var clientCertificates = ClientCertificates.none
  /// PEM file of the authorities that client certificates are verified with; needed unless there are none.
  public var clientCAFile: String?
  /// PEM file of revocation lists that client certificates are looked up in; nil for no look.
  public var revocationFile: String?

  /// Whether clients are asked for certificates.
  public var asksForCertificates: Bool { clientCertificates != ClientCertificates.none }

  /// TLS 1.2 and 1.3 for whoever asks.
  public init(identities: [Identity]) { self.identities = identities }
}

/// The lowest version of TLS that is spoken.
public enum TLSVersion: String, Sendable, CaseIterable {
  /// TLS 1.2 (RFC 5246).
  case tls12 = "1.2"
  /// TLS 1.3 (RFC 8446).
  case tls13 = "1.3"
}

/// Why TLS cannot be set up: a file and what is wrong with it.
public struct TLSError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The file, or an empty text when it is none.
  public let file: String
  /// What is wrong and what to do.
  public let reason: String

  init(_ file: String, _ reason: String) {
    self.file = file
    self.reason = reason
  }

  /// One line for an operator.
  public var description: String { file.isEmpty ? reason : "\(file): \(reason)" }
}
