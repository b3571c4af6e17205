/// Numbers texts from 1 in the order in which they are first asked for, by their bytes: a table with open
/// addresses and a quick hash, since each record asks for a dozen.
struct TextNumbers: Sendable {
  private var texts: [String] = []
  /// Numbers by hash; 0 is a free place. A power of two, at most half full.
  private var places: [UInt32] = Array(repeating: 0, count: 1_024)

  mutating func number(of text: String) -> (value: Int, isNew: Bool) {
    var place = Self.hash(text) & (places.count - 1)
    while places[place] != 0 {
      let number = Int(places[place])
      if SameBytes.texts(texts[number - 1], text) { return (number, false) }
      place = (place + 1) & (places.count - 1)
    }
    texts.append(text)
    places[place] = UInt32(texts.count)
    if texts.count * 2 > places.count { grow() }
    return (texts.count, true)
  }

  private mutating func grow() {
    places = Array(repeating: 0, count: places.count * 2)
    for (index, text) in texts.enumerated() {
      var place = Self.hash(text) & (places.count - 1)
      while places[place] != 0 { place = (place + 1) & (places.count - 1) }
      places[place] = UInt32(index + 1)
    }
  }

  private static func hash(_ text: String) -> Int {
    let bytes = text.utf8Span.span
    var hash = UInt64(truncatingIfNeeded: bytes.count)
    var index = 0
    // Bound: the first and the last 32 bytes tell most texts apart.
    while index < min(bytes.count, 32) {
      hash = (hash ^ UInt64(bytes[index])) &* 0x100_0000_01b3
      index += 1
    }
    index = max(index, bytes.count - 32)
    while index < bytes.count {
      hash = (hash ^ UInt64(bytes[index])) &* 0x100_0000_01b3
      index += 1
    }
    return Int(truncatingIfNeeded: (hash &* 0x9e37_79b9_7f4a_7c15) >> 24)
  }
}
