/// Where in a chunk extension the next byte is (RFC 9112 §7.1.1):
///
///     chunk-ext = *( BWS ";" BWS token [ BWS "=" BWS ( token / quoted-string ) ] )
///
/// Extensions are read only to be checked and left out.
enum ChunkExtension: UInt8, Sendable {
  /// Behind a `;`
  case beforeName
  case name
  /// Behind a name and a blank
  case afterName
  /// Behind a `=`
  case beforeValue
  case value
  case quoted
  /// Behind a backslash in a quoted string
  case quotedPair
  /// Behind the closing quote
  case afterQuoted
  /// Behind a value and a blank
  case afterValue

  /// What a byte does to the extension.
  enum Step {
    case inside(ChunkExtension)
    /// The byte was the carriage return behind it.
    case ended
    case refused
  }

  /// Takes the next byte.
  func take(_ byte: UInt8) -> Step {
    switch self {
    case .beforeName:
      if byte.isBlank { return .inside(.beforeName) }
      return ByteSet.token.contains(byte) ? .inside(.name) : .refused
    case .name:
      if ByteSet.token.contains(byte) { return .inside(.name) }
      return byte == .carriageReturn ? .ended : ChunkExtension.behindName(byte)
    case .afterName:
      return ChunkExtension.behindName(byte)
    case .beforeValue:
      if byte.isBlank { return .inside(.beforeValue) }
      if byte == UInt8(ascii: "\"") { return .inside(.quoted) }
      return ByteSet.token.contains(byte) ? .inside(.value) : .refused
    case .value:
      if ByteSet.token.contains(byte) { return .inside(.value) }
      return byte == .carriageReturn ? .ended : ChunkExtension.behindValue(byte)
    case .quoted:
      if byte == UInt8(ascii: "\"") { return .inside(.afterQuoted) }
      if byte == UInt8(ascii: "\\") { return .inside(.quotedPair) }
      return ChunkExtension.isText(byte) ? .inside(.quoted) : .refused
    case .quotedPair:
      return ChunkExtension.isText(byte) ? .inside(.quoted) : .refused
    case .afterQuoted:
      return byte == .carriageReturn ? .ended : ChunkExtension.behindValue(byte)
    case .afterValue:
      return ChunkExtension.behindValue(byte)
    }
  }

  private static func behindName(_ byte: UInt8) -> Step {
    byte == UInt8(ascii: "=")
      ? .inside(.beforeValue) : byte.isBlank ? .inside(.afterName) : behindBoth(byte)
  }

  private static func behindValue(_ byte: UInt8) -> Step {
    byte.isBlank ? .inside(.afterValue) : behindBoth(byte)
  }

  private static func behindBoth(_ byte: UInt8) -> Step {
    byte == UInt8(ascii: ";") ? .inside(.beforeName) : .refused
  }

  /// Whether a quoted string may hold the byte: anything but control bytes, and tabs.
  private static func isText(_ byte: UInt8) -> Bool {
    byte == .tab || (byte >= .space && byte != 0x7f)
  }
}
