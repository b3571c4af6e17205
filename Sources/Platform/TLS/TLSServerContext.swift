import COpenSSL
import COpenSSLShims
import Glibc

/// The certificates and rules of one listener's handshakes, read from their files once; any number of sessions and
/// threads use it.
@safe
public final class TLSServerContext: @unchecked Sendable {
  // Safe to share: nothing changes after `init`.

  /// The context that handshakes begin with: that of the first identity.
  let first: OpenSSLContext
  private let keys: SessionTicketKeys
  /// Kept for OpenSSL, which refers to both.
  private let protocols: ProtocolList
  private let names: NameTable

  /// Reads every file. Throws on the first that cannot be used.
  ///
  /// A session is resumed only where `scope`, at most 32 bytes, is the same: listeners that ask for other certificates
  /// must differ in it.
  public init(
    _ configuration: TLSServerConfiguration, keys: SessionTicketKeys, scope: [UInt8],
    syscalls: Syscalls
  ) throws(TLSError) {
    precondition(scope.count <= 32, "OpenSSL keeps no more")
    precondition(!configuration.identities.isEmpty, "validated: at least one identity")
    self.keys = keys
    protocols = ProtocolList(configuration.protocols)
    var made: [(names: Set<String>, context: OpenSSLContext)] = []
    for identity in configuration.identities {
      let context = try Self.context(configuration, protocols, keys, scope)
      try Self.use(identity, context, syscalls)
      let names = context.names
      if let index = made.firstIndex(where: { $0.names == names }) {
        // The same names: OpenSSL shows the one whose kind of key the client can check.
        try Self.use(identity, made[index].context, syscalls)
      } else {
        made.append((names, context))
      }
    }
    first = made[0].context
    names = NameTable(made)
    // Safe: the table lives as long as this object, and sessions keep this object.
    unsafe weir_tls_choose_by_name(
      first.pointer, chooseContext, Unmanaged.passUnretained(names).toOpaque())
  }

  private static func context(
    _ configuration: TLSServerConfiguration, _ protocols: ProtocolList, _ keys: SessionTicketKeys,
    _ scope: [UInt8]
  ) throws(TLSError) -> OpenSSLContext {
    let context = try OpenSSLContext(isServer: true, versionMin: configuration.versionMin)
    guard
      unsafe SSL_CTX_set_session_id_context(context.pointer, scope, UInt32(scope.count)) == 1,
      unsafe weir_ticket_keys_use(keys.keys, context.pointer) == 1
    else { throw TLSError("", "OpenSSL refuses the rules: \(takeOpenSSLError())") }
    protocols.offer(context)
    guard configuration.clientCertificates != .none, let file = configuration.clientCAFile else {
      return context
    }
    try context.trust(file)
    guard let list = unsafe SSL_load_client_CA_file(file) else {
      throw TLSError(file, "no certificates of authorities in PEM form: \(takeOpenSSLError())")
    }
    // The context owns the list from here on.
    unsafe SSL_CTX_set_client_CA_list(context.pointer, list)
    let isRequired = configuration.clientCertificates == .required
    unsafe SSL_CTX_set_verify(
      context.pointer, SSL_VERIFY_PEER | (isRequired ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), nil)
    guard let revocations = configuration.revocationFile else { return context }
    let store = unsafe SSL_CTX_get_cert_store(context.pointer)
    guard unsafe X509_STORE_load_locations(store, revocations, nil) == 1 else {
      throw TLSError(revocations, "no revocation lists in PEM form: \(takeOpenSSLError())")
    }
    unsafe X509_STORE_set_flags(store, UInt(X509_V_FLAG_CRL_CHECK))
    return context
  }

  /// Loads an identity into a context.
  private static func use(
    _ identity: TLSServerConfiguration.Identity, _ context: OpenSSLContext, _ syscalls: Syscalls
  ) throws(TLSError) {
    try context.use(
      certificateFile: identity.certificateFile, keyFile: identity.keyFile, syscalls)
    guard let file = identity.ocspFile else {
      // Has OpenSSL ask: the context that a name chooses may have a response.
      _ = unsafe weir_tls_staple(context.pointer, nil, 0)
      return
    }
    let response: [UInt8]
    do throws(SystemError) {
      // Bound: a response with its certificates is a few KiB.
      response = try syscalls.readFile(file, bytesMax: 65_536)
    } catch {
      throw TLSError(file, "\(error)")
    }
    guard response.first == 0x30 else { throw TLSError(file, "no OCSP response in DER form") }
    guard unsafe weir_tls_staple(context.pointer, response, response.count) == 1 else {
      throw TLSError(file, "no memory for it")
    }
  }
}

/// Protocols in ALPN's form, at a place that does not move.
@safe
final class ProtocolList {
  private let bytes: UnsafeMutableBufferPointer<UInt8>

  init(_ protocols: [String]) {
    let wire = protocols.flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) }
    unsafe bytes = .allocate(capacity: wire.count)
    _ = unsafe bytes.initialize(from: wire)
  }

  deinit { unsafe bytes.deallocate() }

  /// Has a server's context choose among these, which must outlive it.
  func offer(_ context: OpenSSLContext) {
    unsafe weir_tls_offer_protocols(context.pointer, bytes.baseAddress, UInt32(bytes.count))
  }
}

/// Which context serves which name. Exact names come before `*.` ones, which stand for one label (RFC 9525 §6.3).
private final class NameTable {
  private var exact: [String: OpenSSLContext] = [:]
  private var wild: [String: OpenSSLContext] = [:]

  init(_ entries: [(names: Set<String>, context: OpenSSLContext)]) {
    // The first that has a name keeps it.
    for entry in entries {
      for name in entry.names {
        if name.hasPrefix("*.") {
          let rest = String(name.dropFirst(2))
          wild[rest] = wild[rest] ?? entry.context
        } else {
          exact[name] = exact[name] ?? entry.context
        }
      }
    }
  }

  func context(for name: String) -> OpenSSLContext? {
    let name = name.lowercased()
    if let context = exact[name] { return context }
    guard let dot = name.firstIndex(of: ".") else { return nil }
    return wild[String(name[name.index(after: dot)...])]
  }
}

/// OpenSSL asks for the context of a name.
private func chooseContext(
  _ name: UnsafePointer<CChar>?, _ table: UnsafeMutableRawPointer?
) -> OpaquePointer? {
  guard let name = unsafe name, let table = unsafe table else { return nil }
  let text = unsafe String(cString: name)
  // Safe: the table is that of a server context which the session keeps.
  return unsafe Unmanaged<NameTable>.fromOpaque(table)._withUnsafeGuaranteedRef {
    unsafe $0.context(for: text)?.pointer
  }
}
