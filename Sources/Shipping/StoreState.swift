/// What the allocator's store last said of itself: how a restored backup is noticed.
struct StoreState: Equatable {
  /// Random, new whenever the store is made anew or restored.
  var epoch: String
  /// How many batch names of this instance the store held.
  var position: UInt64

  static let version = 1
  static let fileName = "state"
  private static let title = "weir-spool-state"

  init(epoch: String, position: UInt64) {
    self.epoch = epoch
    self.position = position
  }

  /// Parses what `text` writes; nil for anything damaged. Throws for another version.
  init?(text: String, path: String) throws(ShippingError) {
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    let words = lines.map { $0.split(separator: " ").map(String.init) }
    guard let first = words.first, first.count == 2, first[0] == Self.title else { return nil }
    guard first[1] == String(Self.version) else {
      throw .unsupportedState(found: first[1], supported: Self.version, path: path)
    }
    guard words.count == 4, words[1].count == 2, words[1][0] == "epoch", words[2].count == 2,
      words[2][0] == "position", let position = UInt64(words[2][1])
    else { return nil }
    self.init(epoch: words[1][1], position: position)
    guard self.text == text else { return nil }
  }

  /// The content of the state file.
  var text: String {
    "\(Self.title) \(Self.version)\nepoch \(epoch)\nposition \(position)\n"
  }
}
