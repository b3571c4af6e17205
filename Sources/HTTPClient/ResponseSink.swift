/// Takes in what libcurl receives. Touched only by the thread that performs the exchange.
final class ResponseSink {
  let bodyBytesMax: Int
  var status = 0
  private(set) var headers: [HTTPRequest.Field] = []
  private(set) var body: [UInt8] = []
  private(set) var isOverflown = false
  /// Takes the body of a success piece by piece instead of `body`; false ends the exchange.
  var take: (([UInt8]) -> Bool)?
  private var isSuccess = false
  private static let headerLinesMax = 1000

  init(bodyBytesMax: Int) { self.bodyBytesMax = bodyBytesMax }

  /// Takes a piece of the body; false when it is too much.
  func receive(body piece: UnsafeRawBufferPointer) -> Bool {
    if let take, isSuccess {
      // Safe: copied before libcurl's buffer goes.
      return take(unsafe [UInt8](piece))
    }
    guard piece.count <= bodyBytesMax - body.count else {
      isOverflown = true
      return false
    }
    // Safe: copied before libcurl's buffer goes.
    unsafe body.append(contentsOf: piece)
    return true
  }

  /// Takes a line of a head; a status line begins a new head (after an interim response).
  func receive(line bytes: UnsafeRawBufferPointer) -> Bool {
    // Safe: copied before libcurl's buffer goes.
    let line = unsafe String(decoding: bytes, as: UTF8.self)
    if line.hasPrefix("HTTP/") {
      headers = []
      isSuccess = line.split(separator: " ").dropFirst().first?.hasPrefix("2") ?? false
      return true
    }
    guard let colon = line.utf8.firstIndex(of: UInt8(ascii: ":")) else { return true }
    // Bound: headerLinesMax; libcurl bounds each line.
    guard headers.count < Self.headerLinesMax else { return false }
    headers.append(
      HTTPRequest.Field(
        line[..<colon].lowercased(), Self.trimmed(line[line.index(after: colon)...])))
    return true
  }

  private static func trimmed(_ text: Substring) -> String {
    func isSpace(_ byte: UInt8) -> Bool {
      byte == 0x20 || byte == 0x09 || byte == 0x0D || byte == 0x0A
    }
    var bytes = text.utf8
    while let last = bytes.last, isSpace(last) { bytes.removeLast() }
    while let first = bytes.first, isSpace(first) { bytes.removeFirst() }
    return String(Substring(bytes))
  }
}

/// libcurl's write callback. A free function, so that no actor is inferred.
@unsafe func receiveBody(
  _ bytes: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int,
  _ context: UnsafeMutableRawPointer?
) -> Int {
  // Safe: libcurl lends size * count bytes, and `context` is the sink of the running exchange.
  let piece = unsafe UnsafeRawBufferPointer(start: bytes, count: size * count)
  let sink = unsafe Unmanaged<ResponseSink>.fromOpaque(context!).takeUnretainedValue()
  return unsafe sink.receive(body: piece) ? size * count : 0
}

/// libcurl's header callback.
@unsafe func receiveHeader(
  _ bytes: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int,
  _ context: UnsafeMutableRawPointer?
) -> Int {
  // Safe: libcurl lends size * count bytes, and `context` is the sink of the running exchange.
  let line = unsafe UnsafeRawBufferPointer(start: bytes, count: size * count)
  let sink = unsafe Unmanaged<ResponseSink>.fromOpaque(context!).takeUnretainedValue()
  return unsafe sink.receive(line: line) ? size * count : 0
}
