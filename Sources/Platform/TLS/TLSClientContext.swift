import COpenSSL
import COpenSSLShims

/// How a server is spoken to over TLS, and how it is known. Files are read when a context is made.
public struct TLSClientConfiguration: Sendable, Equatable {
  /// The name that the server is asked for (SNI) and that its certificate must be for; may be a numeric address, which
  /// is only verified. Empty only without verification.
  public var serverName: String
  /// Whether the certificate is verified. Default true; without it anybody on the way can read and change everything.
  public var verifies = true
  /// PEM file of authorities; nil for those of the system.
  public var caFile: String?
  /// PEM file of the certificate to show when asked, with its chain; nil for none.
  public var certificateFile: String?
  /// PEM file of its key, without a pass phrase.
  public var keyFile: String?
  /// The lowest version. Default TLS 1.2.
  public var versionMin = TLSVersion.tls12

  /// What is offered (ALPN), the best first; empty for no offer. Each name has 1 to 255 bytes. Default empty.
  public var protocols: [String] = []

  /// Verified with the authorities of the system.
  public init(serverName: String) { self.serverName = serverName }
}

/// The rules of the connections to one upstream, read from their files once; any number of sessions and threads use it.
public final class TLSClientContext: Sendable {
  let context: OpenSSLContext
  let serverName: String
  /// Whether the name is a numeric address, which cannot be asked for.
  let isNumeric: Bool
  let verifies: Bool

  /// Reads every file. Throws on the first that cannot be used.
  public init(_ configuration: TLSClientConfiguration, syscalls: Syscalls) throws(TLSError) {
    context = try OpenSSLContext(isServer: false, versionMin: configuration.versionMin)
    serverName = configuration.serverName
    isNumeric = SocketAddress("\(serverName):1") != nil || SocketAddress("[\(serverName)]:1") != nil
    verifies = configuration.verifies
    if configuration.verifies {
      if let file = configuration.caFile {
        try context.trust(file)
      } else if unsafe SSL_CTX_set_default_verify_paths(context.pointer) != 1 {
        throw TLSError("", "the system's authorities cannot be read: \(takeOpenSSLError())")
      }
      unsafe SSL_CTX_set_verify(context.pointer, SSL_VERIFY_PEER, nil)
    }
    if let certificate = configuration.certificateFile, let key = configuration.keyFile {
      try context.use(certificateFile: certificate, keyFile: key, syscalls)
    }
    if !configuration.protocols.isEmpty {
      let offer = configuration.protocols.flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) }
      // 0 is success here, unlike everywhere else.
      guard unsafe SSL_CTX_set_alpn_protos(context.pointer, offer, UInt32(offer.count)) == 0 else {
        throw TLSError("", "OpenSSL refuses the protocols: \(takeOpenSSLError())")
      }
    }
  }
}

/// What lets the next connection to the same server resume a session. Owned by one worker thread.
@safe
public final class TLSResumption {
  let session: OpaquePointer

  init(_ session: OpaquePointer) { unsafe self.session = session }

  deinit { unsafe SSL_SESSION_free(session) }
}
