import COpenSSLShims

/// Keys of TLS session tickets: all workers, and the contexts before and after a reload, share one object, so that a
/// client may resume wherever it comes back.
///
/// Any thread. A new key issues after the given time; the two before it still open tickets.
@safe
public final class SessionTicketKeys: @unchecked Sendable {
  // Safe to share: the C side has a lock.
  let keys: OpaquePointer

  /// Fresh keys. Throws when there is no memory or randomness.
  public init(seconds: Int) throws(TLSError) {
    guard let keys = unsafe weir_ticket_keys_new(UInt64(seconds)) else {
      throw TLSError("", "no memory or randomness for session ticket keys")
    }
    unsafe self.keys = keys
  }

  deinit { unsafe weir_ticket_keys_free(keys) }

  /// Makes a new key the one that issues; false when there is no randomness.
  @discardableResult
  public func rotate() -> Bool { unsafe weir_ticket_keys_rotate(keys) == 1 }
}
