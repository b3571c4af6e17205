/// Reads a page of metrics.
enum MetricsReading {
  /// The sum of a metric's samples, of those with a label's value alone if there is one.
  static func sum(of name: String, label: String, in body: [UInt8]) -> UInt64 {
    let page = String(decoding: body, as: UTF8.self)
    return page.split(separator: "\n").reduce(0) { sum, line in
      let words = line.split(separator: " ")
      guard words.count == 2, words[0].prefix(while: { $0 != "{" }) == name,
        label.isEmpty || words[0].contains("\"\(label)\"")
      else { return sum }
      return sum + (UInt64(words[1]) ?? 0)
    }
  }
}
