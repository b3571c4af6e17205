import Testing

@testable import Accounting

/// Names and parents over time: what holds together, what is refused, and how long judging takes.
struct TenantHistoryTests {
  private static func day(_ number: Int) -> UTCInstant {
    UTCInstant(microseconds: Int64(number) * 86_400_000_000)
  }

  private static func relation(
    _ kind: TenantRelation.Kind, _ tenant: String, _ target: String, _ from: Int, _ to: Int? = nil
  ) -> TenantRelation {
    TenantRelation(
      kind: kind, tenant: tenant, target: target, from: day(from), to: to.map(day))
  }

  @Test func `names and parents are followed together, at both ends`() {
    let history = TenantHistory([
      Self.relation(.parent, "a", "oldcorp", 1), Self.relation(.alias, "oldcorp", "newcorp", 5),
      Self.relation(.parent, "old", "a", 1), Self.relation(.alias, "old", "new", 5),
      Self.relation(.alias, "b", "c", 5),
    ])

    #expect(history.bearer(of: "a", at: Self.day(4)) == "oldcorp")
    for tenant in ["a", "old", "new"] {
      #expect(history.bearer(of: tenant, at: Self.day(6)) == "newcorp", "\(tenant)")
    }
    #expect(history.bearer(of: "new", at: Self.day(4)) == "new")
    // A name of before, without a parent, keeps what it bore.
    #expect(history.bearer(of: "b", at: Self.day(6)) == "b")
  }

  @Test func `a circle in a document from before leaves each with its own cost`() {
    let history = TenantHistory([
      Self.relation(.parent, "a", "b", 1), Self.relation(.parent, "c", "b", 1),
      Self.relation(.parent, "b", "a", 1), Self.relation(.parent, "d", "e", 1),
      Self.relation(.alias, "e", "d", 1),
    ])

    let bearers = ["a", "b", "c", "d"].map { history.bearer(of: $0, at: Self.day(2)) }
    #expect(bearers == ["a", "b", "b", "d"])
  }

  @Test(arguments: [
    ([relation(.parent, "a", "b", 1), relation(.alias, "b", "a", 3)], "parent of a: b leads back"),
    (
      [
        relation(.parent, "a", "b", 1), relation(.parent, "c", "d", 1),
        relation(.alias, "b", "c", 3), relation(.alias, "d", "a", 4),
      ], "parent of a: b leads back"
    ),
    (
      [
        relation(.parent, "a", "c", 1), relation(.alias, "a", "d", 3),
        relation(.alias, "c", "d", 3),
      ], "parent of a: c leads back"
    ),
    (
      [
        relation(.parent, "old", "one", 1), relation(.alias, "old", "new", 2),
        relation(.parent, "new", "two", 3),
      ], "parent of new: two hold at once under this name"
    ),
    (
      [
        relation(.parent, "old", "one", 1), relation(.alias, "old", "new", 2),
        relation(.parent, "new", "two", 3), relation(.alias, "two", "one", 1, 5),
      ], "parent of new: two hold at once under this name"
    ),
  ])
  func `what contradicts itself under the names of a moment is refused`(
    _ relations: [TenantRelation], _ fault: String
  ) {
    let faults = TenantHistory.faults(relations)

    #expect(faults.contains { $0.contains(fault) }, "\(faults)")
  }

  @Test(arguments: [
    [relation(.parent, "a", "b", 1, 3), relation(.alias, "b", "a", 3)],
    [
      relation(.parent, "old", "corp", 1), relation(.alias, "old", "new", 2),
      relation(.parent, "new", "corp", 3),
    ],
    [
      relation(.parent, "old", "one", 1), relation(.alias, "old", "new", 2),
      relation(.parent, "new", "two", 3), relation(.alias, "two", "one", 1),
    ],
    [relation(.parent, "a", "b", 1, 2), relation(.parent, "b", "a", 2, 3)],
  ])
  func `what agrees at every moment is taken`(_ relations: [TenantRelation]) {
    #expect(TenantHistory.faults(relations) == [])
  }

  @Test func `a document has faults exactly when some moment has one`() {
    var random = SplitMix64(seed: Seed.value)
    var counts = [true: 0, false: 0]
    for number in 0..<20_000 {
      let names = ["a", "b", "c", "d", "e", "f"].prefix(Int.random(in: 2...6, using: &random))
      let relations = (0..<Int.random(in: 1...7, using: &random)).map { _ in
        let from = Int.random(in: 0..<6, using: &random)
        let length = Int.random(in: 0...3, using: &random)
        return Self.relation(
          random.chance(50) ? .alias : .parent, names.randomElement(using: &random) ?? "",
          names.randomElement(using: &random) ?? "", from, length == 3 ? nil : from + length)
      }

      let isSound = TenantHistory.faults(relations).isEmpty
      counts[isSound, default: 0] += 1
      #expect(isSound == Self.isSound(relations), "\(number) \(Seed.comment): \(relations)")
    }
    #expect(counts.values.allSatisfy { $0 > 1_000 }, "\(counts)")
  }

  /// The rule as it is written, moment by moment.
  private static func isSound(_ relations: [TenantRelation]) -> Bool {
    for relation in relations
    where relation.tenant == relation.target || (relation.to.map { $0 <= relation.from } ?? false) {
      return false
    }
    for number in 0...10 {
      let holding = relations.filter { $0.holds(at: day(number)) }
      var names: [String: String] = [:]
      var parents: [String: String] = [:]
      for alias in holding where alias.kind == .alias {
        guard names.updateValue(alias.target, forKey: alias.tenant) == nil else { return false }
      }
      func end(_ next: [String: String], _ start: String) -> String? {
        var name = start
        for _ in 0...holding.count {
          guard let target = next[name] else { return name }
          name = target
        }
        return nil
      }
      var owners: Set<String> = []
      for parent in holding where parent.kind == .parent {
        guard owners.insert(parent.tenant).inserted, let name = end(names, parent.tenant),
          let target = end(names, parent.target), parents[name] ?? target == target
        else { return false }
        parents[name] = target
      }
      let everybody = names.keys.allSatisfy { end(names, $0) != nil }
      guard everybody, parents.keys.allSatisfy({ end(parents, $0) != nil }) else { return false }
    }
    return true
  }

  /// Shapes of 100,000 relations: each takes so many steps at most.
  @Test(arguments: ["star", "chain", "renamed", "turns", "merged", "restated"])
  func `a document of the largest size is judged in steps that grow with its length`(
    _ shape: String
  ) {
    let count = 100_000
    let relations: [TenantRelation]
    switch shape {
    case "star":
      relations =
        [Self.relation(.alias, "corp", "newcorp", 7)]
        + (1..<count).map { Self.relation(.parent, "t\($0)", "corp", $0 % 4_000) }
    case "chain":
      relations = (0..<count).map { Self.relation(.parent, "t\($0)", "t\($0 + 1)", $0 % 4_000) }
    case "renamed":
      relations = (0..<count).map { Self.relation(.alias, "t\($0)", "t\($0 + 1)", $0 % 4_000) }
    case "turns":
      relations = (0..<count).map {
        $0.isMultiple(of: 2)
          ? Self.relation(.parent, "a", "b", $0, $0 + 1)
          : Self.relation(.parent, "b", "a", $0, $0 + 1)
      }
    case "merged":
      relations = (0..<count / 2).flatMap {
        [
          Self.relation(.alias, "t\($0)", "corp", $0 % 4_000),
          Self.relation(.parent, "t\($0)", "holding", $0 % 4_000),
        ]
      }
    default:
      relations = (0..<count / 4).flatMap {
        [
          Self.relation(.parent, "o\($0)", "one", 1, 5),
          Self.relation(.alias, "o\($0)", "n\($0)", 4),
          Self.relation(.parent, "n\($0)", "two", 5),
          Self.relation(.parent, "two", "all", $0, $0 + 1),
        ]
      }
    }
    var check = HistoryCheck(relations)

    let faults = check.faults()

    #expect(faults == [])
    #expect(check.steps < 12 * count, "\(check.steps)")
  }

  @Test func `a knot that would take too many steps is refused in words`() {
    // A ring that no moment closes, with a moment for each of its relations.
    let count = 10_000
    let ring = (0..<count).map {
      Self.relation(.parent, "t\($0)", "t\(($0 + 1) % count)", $0, $0 + 1)
    }
    var check = HistoryCheck(ring)

    let faults = check.faults()

    #expect(faults.count == 1 && faults[0].contains("too many ways"), "\(faults)")
    #expect(check.steps < HistoryCheck.stepsMax + 10 * count)
  }
}
