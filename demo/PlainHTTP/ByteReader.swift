/// Reads heads, lines and counted bytes from one socket, and knows how many bytes were consumed.
///
/// `consumed` counts only what was handed out, not what was read ahead, so the difference between two readings
/// is the exact size of a message even when messages are pipelined. One thread only.
public struct ByteReader {
  /// The socket that is read.
  public let socket: Socket
  /// Bytes handed out so far.
  public private(set) var consumed: UInt64 = 0
  private var buffer: [UInt8] = []
  private var position = 0

  /// Reads from `socket`, which nobody else may read from then on.
  public init(_ socket: Socket) { self.socket = socket }

  /// True when bytes were read ahead and not handed out yet.
  public var hasBuffered: Bool { position < buffer.count }

  /// A message head with its empty line, or nil when the peer closed before its first byte.
  public mutating func head(bytesMax: Int = 65_536) throws(SocketError) -> [UInt8]? {
    var scanned = position
    while true {
      while scanned < buffer.count {
        if buffer[scanned] == 0x0A, endsHead(at: scanned) { return take(scanned + 1 - position) }
        scanned += 1
      }
      guard buffer.count - position <= bytesMax else {
        throw .malformed("head over \(bytesMax) bytes")
      }
      let distance = scanned - position
      guard try fill() else {
        if hasBuffered { throw .endedEarly(expected: "the end of a head") }
        return nil
      }
      scanned = position + distance
    }
  }

  /// One line without its CR LF.
  public mutating func line(bytesMax: Int = 8_192) throws(SocketError) -> [UInt8] {
    var scanned = position
    while true {
      while scanned < buffer.count {
        if buffer[scanned] == 0x0A {
          var line = take(scanned + 1 - position)
          line.removeLast()
          if line.last == 0x0D { line.removeLast() }
          return line
        }
        scanned += 1
      }
      guard buffer.count - position <= bytesMax else { throw .malformed("line too long") }
      let distance = scanned - position
      guard try fill() else { throw .endedEarly(expected: "the end of a line") }
      scanned = position + distance
    }
  }

  /// At least one byte and at most `count`; nil when the peer has closed.
  public mutating func some(atMost count: Int) throws(SocketError) -> [UInt8]? {
    precondition(count > 0, "asking for no bytes would look like an end")
    if !hasBuffered {
      guard try fill() else { return nil }
    }
    return take(min(count, buffer.count - position))
  }

  private func endsHead(at lineFeed: Int) -> Bool {
    lineFeed - position >= 3 && buffer[lineFeed - 1] == 0x0D && buffer[lineFeed - 2] == 0x0A
      && buffer[lineFeed - 3] == 0x0D
  }

  private mutating func take(_ count: Int) -> [UInt8] {
    precondition(count <= buffer.count - position, "taking more than was read")
    let bytes = Array(buffer[position..<position + count])
    position += count
    consumed += UInt64(count)
    return bytes
  }

  /// Bound: one read of 64 KiB on top of what was not handed out.
  private mutating func fill() throws(SocketError) -> Bool {
    let more = try socket.receive(atMost: 65_536)
    if position == buffer.count {
      buffer = more
    } else {
      buffer = Array(buffer[position...]) + more
    }
    position = 0
    return !more.isEmpty
  }
}
