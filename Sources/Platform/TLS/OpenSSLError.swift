import COpenSSL
import COpenSSLShims

/// What OpenSSL says about the last call that failed on this thread; empties its queue.
func takeOpenSSLError() -> String {
  // Safe: at most 160 bytes are written, with a zero at the end.
  let text = unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 160) { room in
    unsafe weir_tls_take_error(room.baseAddress, 160)
    return unsafe String(cString: room.baseAddress!)
  }
  return text.isEmpty ? "no reason given" : text
}
