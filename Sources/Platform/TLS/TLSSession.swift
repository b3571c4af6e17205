import COpenSSL
import COpenSSLShims
import Glibc

/// One TLS connection over a non-blocking socket: plain bytes on this side, records on the other.
///
/// Reads and writes like `Syscalls.receive` and `send`, so that a channel may have either. A record goes to the kernel
/// with the call that makes it. Owned by one worker thread. OpenSSL's error queue of that thread is empty between calls.
@safe
public final class TLSSession {
  /// What became of a step of the handshake.
  public enum Handshake: Equatable, Sendable {
    /// It is complete.
    case done
    /// It goes on when the socket can be read, or written.
    case wouldBlock
    /// The peer went away, in order or with a reset.
    case ended
    /// It cannot be completed; the peer was told, and this is why.
    case failed(String)
  }

  let session: OpaquePointer
  private let socket: UnsafeMutablePointer<weir_tls_socket>
  /// What OpenSSL refers to.
  private let context: AnyObject
  private let early: UnsafeMutableBufferPointer<UInt8>
  /// Whether the handshake is complete.
  public private(set) var isEstablished = false
  private var hasFailed = false
  /// Bytes of the record that the kernel did not take in full: OpenSSL wants at least these again.
  private var blockedCount = 0
  private var hasSaidGoodbye = false

  /// The server's side of a connection that was accepted; `early` was received from it already. Nil when there is no
  /// memory.
  public convenience init?(server context: TLSServerContext, descriptor: Int32, early: RawSpan) {
    self.init(context.first, keeping: context, descriptor, early)
    unsafe SSL_set_accept_state(session)
  }

  /// The client's side of a connection that was made. Nil when there is no memory.
  public convenience init?(
    client context: TLSClientContext, descriptor: Int32, resuming old: TLSResumption? = nil
  ) {
    self.init(context.context, keeping: context, descriptor, RawSpan())
    if !context.isNumeric && !context.serverName.isEmpty {
      guard unsafe weir_tls_set_server_name(session, context.serverName) == 1 else { return nil }
    }
    if context.verifies {
      let isSet =
        context.isNumeric
        ? unsafe X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), context.serverName)
        : unsafe SSL_set1_host(session, context.serverName)
      guard isSet == 1 else {
        _ = takeOpenSSLError()
        return nil
      }
    }
    if let old { unsafe SSL_set_session(session, old.session) }
    unsafe SSL_set_connect_state(session)
  }

  /// What lets the next connection resume this session, nil when there is nothing of use yet.
  public func resumption() -> TLSResumption? {
    guard let session = unsafe SSL_get1_session(session) else { return nil }
    let kept = unsafe TLSResumption(session)
    return unsafe SSL_SESSION_is_resumable(session) == 1 ? kept : nil
  }

  private init?(
    _ context: OpenSSLContext, keeping kept: AnyObject, _ descriptor: Int32, _ early: RawSpan
  ) {
    guard let session = unsafe SSL_new(context.pointer) else {
      _ = takeOpenSSLError()
      return nil
    }
    unsafe self.session = session
    self.context = kept
    unsafe self.early = .allocate(capacity: early.byteCount)
    for offset in 0..<early.byteCount { unsafe self.early[offset] = early[offset] }
    unsafe socket = .allocate(capacity: 1)
    unsafe socket.initialize(to: weir_tls_socket())
    unsafe socket.pointee.fd = descriptor
    unsafe socket.pointee.trusts_short_reads = 1
    unsafe socket.pointee.early = UnsafePointer(self.early.baseAddress)
    unsafe socket.pointee.early_count = early.byteCount
    guard unsafe weir_tls_attach(session, socket) == 1 else {
      _ = takeOpenSSLError()
      return nil
    }
  }

  deinit {
    unsafe SSL_free(session)
    unsafe socket.deallocate()
    unsafe early.deallocate()
  }

  /// Bytes that the socket brought so far, records and handshakes.
  public var receivedBytes: UInt64 { unsafe socket.pointee.received }
  /// Bytes that the socket took so far.
  public var sentBytes: UInt64 { unsafe socket.pointee.sent }

  /// The kernel has told of something to read.
  public func noteReadable() { unsafe socket.pointee.drained = 0 }

  /// Whether reading may bring more without a new event.
  public var mayHaveMore: Bool {
    unsafe socket.pointee.drained == 0 || SSL_has_pending(session) == 1
  }

  /// Goes on with the handshake as far as the socket allows.
  ///
  /// `trusts` says whether a short read means that the socket is drained: not once the peer's end may be behind it.
  public func handshake(trustsShortReads trusts: Bool, _ syscalls: Syscalls) -> Handshake {
    if isEstablished { return .done }
    unsafe socket.pointee.trusts_short_reads = trusts ? 1 : 0
    unsafe socket.pointee.allowance = Self.handshakeBytesMax
    let planned = syscalls.planned(.recv)
    if planned != 0 && planned != EAGAIN {
      hasFailed = true
      return .failed("errno \(planned)")
    }
    let result = unsafe SSL_do_handshake(session)
    if result == 1 {
      isEstablished = true
      return .done
    }
    switch unsafe SSL_get_error(session, result) {
    case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: return .wouldBlock
    case SSL_ERROR_SYSCALL where unsafe socket.pointee.error != 0:
      hasFailed = true
      _ = takeOpenSSLError()
      let code = unsafe socket.pointee.error
      return code == ECONNRESET || code == EPIPE ? .ended : .failed("errno \(code)")
    default:
      hasFailed = true
      let reason = takeOpenSSLError()
      return unsafe socket.pointee.ended != 0 ? .ended : .failed(reason)
    }
  }

  /// The protocol that both sides agreed on (ALPN), empty for none.
  public var protocolName: String {
    var name: UnsafePointer<UInt8>?
    var count: UInt32 = 0
    unsafe SSL_get0_alpn_selected(session, &name, &count)
    guard let name = unsafe name else { return "" }
    // Safe: OpenSSL's bytes live as long as the session.
    return unsafe String(
      decoding: UnsafeBufferPointer(start: name, count: Int(count)), as: UTF8.self)
  }

  /// The host that the client asked for (SNI, RFC 6066 §3), nil for none.
  public var serverName: String? {
    guard let name = unsafe SSL_get_servername(session, TLSEXT_NAMETYPE_host_name) else {
      return nil
    }
    return unsafe String(cString: name)
  }

  /// Whether the handshake resumed an earlier session.
  public var isResumed: Bool { unsafe SSL_session_reused(session) == 1 }

  /// Receives into a buffer's free part, which must not be empty.
  ///
  /// `trusts` says whether a short read means that the socket is drained. A stream that ends without TLS's own
  /// end is `.failed(ECONNRESET)`: somebody may have cut it.
  public func receive(into buffer: Buffer, trustsShortReads trusts: Bool, _ syscalls: Syscalls)
    -> IOResult
  {
    precondition(buffer.free > 0, "receiving into a full buffer would look like the end")
    let planned = syscalls.planned(.recv)
    if planned != 0 { return planned == EAGAIN ? .wouldBlock : fail(planned) }
    unsafe socket.pointee.trusts_short_reads = trusts ? 1 : 0
    unsafe socket.pointee.allowance = Self.readBytesMax
    return unsafe buffer.fill { (room: UnsafeMutableRawBufferPointer) -> (Int, IOResult) in
      // Safe: at most room.count bytes are written to it.
      let count = unsafe SSL_read(session, room.baseAddress, Int32(clamping: room.count))
      if count > 0 { return (Int(count), .moved(Int(count))) }
      switch unsafe SSL_get_error(session, count) {
      case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: return (0, .wouldBlock)
      case SSL_ERROR_ZERO_RETURN: return (0, .end)
      default:
        _ = takeOpenSSLError()
        let code = unsafe socket.pointee.error
        return (0, fail(code != 0 ? code : unsafe socket.pointee.ended != 0 ? ECONNRESET : EPROTO))
      }
    }
  }

  /// Sends all of `first` and then `secondCount` bytes of `second`. Either may be nil, not both. What is accepted is in
  /// a record that the kernel has, or gets before anything else; it is not taken back.
  public func send(
    _ first: Buffer?, _ second: Buffer?, secondCount: Int, _ syscalls: Syscalls
  ) -> IOResult {
    let firstCount = first?.count ?? 0
    precondition(firstCount + secondCount > 0, "sending nothing would look like the end")
    precondition(secondCount <= second?.count ?? 0, "more to send than there is")
    let planned = syscalls.planned(.send)
    if planned != 0 { return planned == EAGAIN ? .wouldBlock : fail(planned) }
    // Safe: each pointer is good for the count that goes with it, and both buffers outlive the call.
    if secondCount == 0 { return unsafe write(first?.firstByte, firstCount, more: false).result }
    guard let first, let second, firstCount > 0 else {
      return unsafe write(second?.firstByte, secondCount, more: false).result
    }
    if firstCount < blockedCount { return writeJoined(first, second, secondCount) }
    if let joined = unsafe first.joining(second, count: secondCount) {
      return unsafe write(joined, firstCount + secondCount, more: false).result
    }
    let head = unsafe write(first.firstByte, firstCount, more: true)
    guard head.count == firstCount else { return head.result }
    let body = unsafe write(second.firstByte, secondCount, more: false)
    // What of the head was accepted stays accepted.
    return .moved(head.count + body.count)
  }

  /// Writes the record again that began in `first` and ended in `second`.
  private func writeJoined(_ first: Buffer, _ second: Buffer, _ secondCount: Int) -> IOResult {
    let whole = Buffer(capacity: first.count + secondCount)
    whole.append(first.readable)
    whole.append(second.readable.extracting(first: secondCount))
    return unsafe write(whole.firstByte, whole.count, more: false).result
  }

  /// Writes as many records as the kernel takes.
  private func write(
    _ bytes: UnsafeRawPointer?, _ count: Int, more: Bool
  ) -> (count: Int, result: IOResult) {
    unsafe socket.pointee.more = more ? 1 : 0
    defer { unsafe socket.pointee.more = 0 }
    var written = 0
    // Bound: `count`; each round writes at least a byte.
    while written < count {
      let result = unsafe SSL_write(session, bytes! + written, Int32(clamping: count - written))
      if result > 0 {
        written += Int(result)
        blockedCount = 0
        continue
      }
      switch unsafe SSL_get_error(session, result) {
      case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE:
        blockedCount = min(count - written, Self.recordBytesMax)
        return (written, written > 0 ? .moved(written) : .wouldBlock)
      default:
        _ = takeOpenSSLError()
        let code = unsafe socket.pointee.error
        let failure = fail(code != 0 ? code : EPROTO)
        return (written, written > 0 ? .moved(written) : failure)
      }
    }
    return (written, .moved(written))
  }

  /// Bytes of a handshake's messages that one step reads at most: OpenSSL takes certificates of 100 KiB.
  private static let handshakeBytesMax = 262_144

  /// Bytes that one read may take from the socket before it has data: a record, what was read ahead of the next one,
  /// and a few messages of TLS's own. A client that sends key updates without end is cut off here.
  private static let readBytesMax = 49_152

  /// Plain bytes of one record at most (RFC 8446 §5.1).
  private static let recordBytesMax = 16_384

  private func fail(_ code: Int32) -> IOResult {
    hasFailed = true
    return .failed(code)
  }

  /// Tells the peer that nothing more comes (close_notify), as far as the socket takes it at once.
  public func sayGoodbye() {
    guard isEstablished, !hasFailed, !hasSaidGoodbye else { return }
    hasSaidGoodbye = true
    if unsafe SSL_shutdown(session) < 0 { _ = takeOpenSSLError() }
  }

  /// Whether the peer showed a certificate that verified.
  public var hasVerifiedPeer: Bool {
    guard let certificate = unsafe SSL_get1_peer_certificate(session) else { return false }
    unsafe X509_free(certificate)
    return unsafe SSL_get_verify_result(session) == Int(X509_V_OK)
  }

  /// Names of one kind in the certificate that the peer showed and that verified; none without one.
  public func peerNames(_ kind: PeerName) -> [String] {
    guard hasVerifiedPeer, let certificate = unsafe SSL_get1_peer_certificate(session) else {
      return []
    }
    defer { unsafe X509_free(certificate) }
    return unsafe certificateNames(certificate, kind.inCertificate)
  }

  /// Where a name stands in a client's certificate.
  public enum PeerName: String, Sendable, CaseIterable {
    /// A URI among the subject's alternative names, as SPIFFE has it.
    case uri
    /// A DNS name among them.
    case dns
    /// The subject's common name.
    case commonName = "cn"

    var inCertificate: CertificateName {
      switch self {
      case .uri: .uri
      case .dns: .dns
      case .commonName: .commonName
      }
    }
  }
}
