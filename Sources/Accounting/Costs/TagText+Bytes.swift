/// The common case of tags, read from bytes without a JSON tree.
extension TagText {
  /// The tags of `{"key":"value",…}` in plain ASCII without escapes; `nil` for anything else, which
  /// `parse` then reads or refuses.
  static func quickParse(_ bytes: Span<UInt8>) -> [String: String]? {
    var position = 0
    var tags: [String: String] = [:]
    guard take(UInt8(ascii: "{"), bytes, &position) else { return nil }
    while true {
      guard let key = plainText(bytes, &position), take(UInt8(ascii: ":"), bytes, &position),
        let value = plainText(bytes, &position), tags.updateValue(value, forKey: key) == nil
      else { return nil }
      if take(UInt8(ascii: ","), bytes, &position) { continue }
      guard take(UInt8(ascii: "}"), bytes, &position), position == bytes.count else { return nil }
      return tags
    }
  }

  /// Goes past blanks and one byte; false, at the same place, when another byte is there.
  private static func take(_ byte: UInt8, _ bytes: Span<UInt8>, _ position: inout Int) -> Bool {
    var at = position
    while at < bytes.count, bytes[at] == UInt8(ascii: " ") { at += 1 }
    guard at < bytes.count, bytes[at] == byte else { return false }
    position = at + 1
    return true
  }

  private static func plainText(_ bytes: Span<UInt8>, _ position: inout Int) -> String? {
    guard take(UInt8(ascii: "\""), bytes, &position) else { return nil }
    let start = position
    while position < bytes.count, bytes[position] != UInt8(ascii: "\"") {
      let byte = bytes[position]
      guard byte >= 0x20, byte < 0x80, byte != UInt8(ascii: "\\") else { return nil }
      position += 1
    }
    guard position < bytes.count else { return nil }
    defer { position += 1 }
    return CostRow.text(bytes.extracting(start..<position))
  }
}
