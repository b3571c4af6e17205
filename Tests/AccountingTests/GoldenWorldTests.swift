import Accounting
import Foundation
import Testing

/// Committed months over all methods and currencies, with what they come to; `Golden/recompute.py`
/// works the same file out again without Weir.
///
/// `WEIR_WRITE_WORLDS=N` writes the file anew with N months of the seed.
struct GoldenWorldTests {
  private static let file = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "Golden/worlds.jsonl")

  @Test func `every committed month comes out as the file says`() throws {
    if let text = ProcessInfo.processInfo.environment["WEIR_WRITE_WORLDS"], let count = Int(text) {
      try Self.write(count)
    }
    let lines = try String(contentsOf: Self.file, encoding: .utf8).split(separator: "\n")
    var methods: Set<String> = []
    var currencies: Set<String> = []

    for line in lines {
      let value = try JSONValue(parsing: Array(line.utf8))
      let world = try WorldFile.world(try #require(value["inputs"]))
      let close = try world.close()
      #expect(
        WorldFile.outcome(close).canonicalText == value["outcome"]?.canonicalText,
        "world \(world.number)")
      methods.formUnion(close.allocation.pools.map(\.method))
      currencies.insert(world.policy.currency.code)
    }

    #expect(
      methods.isSuperset(of: [
        "direct", "proportional", "even", "fixed", "tiered", "overhead", "follow", "keep", "idle",
        "unmatched", "fx",
      ]), "\(methods)")
    #expect(currencies == Set(WideWorld.currencies))
  }

  private static func write(_ count: Int) throws {
    var random = SplitMix64(seed: Seed.value)
    var text = ""
    for number in 0..<count {
      let world = try WideWorld(number, &random)
      let line = JSONValue.object([
        .init("inputs", WorldFile.inputs(world)),
        .init("outcome", WorldFile.outcome(try world.close())),
      ])
      text += line.canonicalText + "\n"
    }
    try text.write(to: file, atomically: true, encoding: .utf8)
  }
}
