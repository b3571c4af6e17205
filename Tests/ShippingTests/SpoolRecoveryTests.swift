import Platform
import Testing
import Usage

@testable import Shipping

/// What a kill can leave in the folder, and what the next start makes of it.
struct SpoolRecoveryTests {
  private typealias Fixture = ShippingFixture

  /// File names by what they stand for: sequences first to last, and the mark.
  private static func file(_ first: UInt64, _ last: UInt64, offered: Bool = false) -> String {
    SpoolFile(
      name: Fixture.batch(first).name, lastSequence: last, seconds: 1_790_000_000 + Int64(first),
      isOffered: offered
    ).fileName
  }

  private static let cases: [(before: [String], after: [String])] = [
    ([file(0, 0), file(1, 1)], [file(0, 0), file(1, 1)]),
    // Killed after the merged file was renamed, and after the first part was removed.
    ([file(0, 1), file(0, 0), file(1, 1)], [file(0, 1)]),
    ([file(0, 1), file(1, 1)], [file(0, 1)]),
    // Merged twice, nothing removed in between.
    (
      [file(0, 3), file(0, 1), file(2, 3), file(0, 0), file(3, 3), file(4, 4)],
      [file(0, 3), file(4, 4)]
    ),
    // The merge was given up: a part went its own way.
    (
      [file(0, 1), file(0, 0, offered: true), file(1, 1)], [file(0, 0, offered: true), file(1, 1)]
    ),
    ([file(0, 1), "acked/" + file(0, 0), file(1, 1)], ["acked/" + file(0, 0), file(1, 1)]),
    ([file(0, 1), "conflict/" + file(1, 1), file(0, 0)], ["conflict/" + file(1, 1), file(0, 0)]),
    // A merged batch went its way, and the removal of a part had failed.
    ([file(0, 1, offered: true), file(1, 1)], [file(0, 1, offered: true)]),
    (["acked/" + file(0, 1), file(0, 0)], ["acked/" + file(0, 1)]),
    // Half a file.
    ([file(0, 0) + ".tmp", file(1, 1)], [file(1, 1)]),
    (["state.tmp", file(1, 1)], [file(1, 1)]),
  ]

  @Test(arguments: cases.indices)
  func `the next start keeps each name in one file`(index: Int) throws {
    let (before, after) = Self.cases[index]
    let fixture = try Fixture()
    do { _ = try fixture.spool() }
    for file in before {
      try fixture.write("content", to: "\(fixture.configuration.spoolDirectory)/\(file)")
    }

    let spool = try fixture.spool()

    var found = try fixture.files()
    for place in ["acked", "conflict", "rejected"] {
      found += try fixture.files("/\(place)").map { "\(place)/\($0)" }
    }
    #expect(Set(found) == Set(after))
    #expect(spool.status.pendingBatches == after.count { !$0.contains("/") })
    let names = try Syscalls().entries(of: fixture.configuration.spoolDirectory)
    #expect(!names.contains { $0.hasSuffix(".tmp") })
  }
}
