/// Gives libcurl the body of a request. Touched only by the thread that performs the exchange.
final class RequestSource {
  /// What `next` threw; the exchange ended there.
  private(set) var failure: HTTPClientError?

  private let next: () throws(HTTPClientError) -> [UInt8]?
  private var piece: [UInt8] = []
  private var offset = 0
  private var isAtEnd = false

  init(_ next: @escaping () throws(HTTPClientError) -> [UInt8]?) { self.next = next }

  /// Fills libcurl's buffer; 0 at the end, nil to end the exchange.
  func fill(_ target: UnsafeMutableRawBufferPointer) -> Int? {
    while offset == piece.count, !isAtEnd {
      do throws(HTTPClientError) {
        guard let more = try next() else {
          isAtEnd = true
          break
        }
        piece = more
        offset = 0
      } catch {
        failure = error
        return nil
      }
    }
    let count = min(target.count, piece.count - offset)
    guard count > 0 else { return 0 }
    // Safe: `count` bytes are there on both sides.
    unsafe target.copyBytes(from: piece[offset..<offset + count])
    offset += count
    return count
  }
}

/// libcurl's read callback. A free function, so that no actor is inferred.
@unsafe func provideBody(
  _ bytes: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int,
  _ context: UnsafeMutableRawPointer?
) -> Int {
  // Safe: libcurl lends size * count bytes, and `context` is the source of the running exchange.
  let target = unsafe UnsafeMutableRawBufferPointer(start: bytes, count: size * count)
  let source = unsafe Unmanaged<RequestSource>.fromOpaque(context!).takeUnretainedValue()
  // CURL_READFUNC_ABORT is not imported: a macro with a cast.
  return unsafe source.fill(target) ?? 0x1000_0000
}
