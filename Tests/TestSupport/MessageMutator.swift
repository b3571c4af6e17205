/// Changes a message in one to three places, in ways that parsers have stumbled over.
public enum MessageMutator {
  /// Bytes and pieces that are put in.
  private static let pieces: [String] = [
    "\r", "\n", "\r\n", "\r\n\r\n", "\0", "\t", " ", ":", ",", ";", "\"", "\\", "0", "1", "f", "#",
    "%2f", "%2e", "..", "/", "?", "@", "_", "-", "\u{7f}", "\u{ff}", "chunked",
    "Content-Length: 1\r\n", "Content_Length: 1\r\n", "Transfer-Encoding: chunked\r\n",
    "Host: b\r\n", "Connection: close\r\n", "Connection: upgrade\r\n", "Upgrade: websocket\r\n",
    "TE: trailers\r\n", "HTTP/1.0", "*", "100 ", "204 ", "304 ", "101 ",
  ]

  /// A changed copy; `other` is another message of the corpus, of which a part may be put in.
  public static func mutate(
    _ original: [UInt8], with other: [UInt8], _ random: inout SplitMix64
  ) -> [UInt8] {
    var bytes = original
    for _ in 0..<Int.random(in: 1...3, using: &random) {
      let at = Int.random(in: 0...bytes.count, using: &random)
      switch Int.random(in: 0..<6, using: &random) {
      case 0: bytes.insert(UInt8.random(in: 0...255, using: &random), at: at)
      case 1:
        let piece = pieces[Int.random(in: 0..<pieces.count, using: &random)]
        bytes.insert(contentsOf: Array(piece.utf8), at: at)
      case 2 where at < bytes.count: bytes.remove(at: at)
      case 3 where at < bytes.count: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      case 4:
        let start = Int.random(in: 0...other.count, using: &random)
        let end = min(other.count, start + Int.random(in: 0...40, using: &random))
        bytes.insert(contentsOf: other[start..<end], at: at)
      default:
        let end = min(bytes.count, at + Int.random(in: 0...60, using: &random))
        bytes.insert(
          contentsOf: Array(bytes[at..<end]), at: Int.random(in: 0...bytes.count, using: &random))
      }
    }
    return bytes
  }
}
