extension CloseCheck {
  /// Units of the policy that usage does not have under their name: their drivers would be zero, and
  /// whole pools go to others or to nobody, although the proxies counted.
  ///
  /// A period in which no proxy declared anything has no such units, and blocks nothing.
  static func unitBlockers(_ input: CloseInput) -> [CloseBlocker] {
    guard let policy = input.policy, input.declaredUnits.contains(where: { !$0.isEmpty }) else {
      return []
    }
    return policy.unitsInUse.compactMap { unit in
      fault(of: unit, input.declaredUnits).map { fault in
        CloseBlocker(
          code: "unit-unknown",
          message: "the policy uses the unit \"\(unit)\", but in \(input.period) \(fault)")
      }
    }
  }

  /// Why usage has nothing, or not everything, under the name of a unit; `declared` by position.
  private static func fault(of unit: String, _ declared: [[String]]) -> String? {
    let positions = declared.indices.filter { declared[$0].contains(unit) }
    guard let position = positions.first else {
      // Usage at a position without one name of its own stands under these names.
      if let raw = declared.indices.first(where: { unit == "units_\($0)" }) {
        return declared[raw].count == 1
          ? "proxies declared it as \(list(declared[raw]))" : nil
      }
      let others = Set(declared.joined()).sorted(by: KeyOrder.precedes)
      return "no proxy declared it; declared were \(list(others))"
    }
    if positions.count > 1 {
      return "proxies declared it at several positions: "
        + positions.map(String.init).joined(separator: ", ")
    }
    return declared[position].count == 1
      ? nil : "proxies declared position \(position) as \(list(declared[position]))"
  }

  private static func list(_ names: [String]) -> String {
    let listed = names.prefix(8).map { "\"\($0)\"" }.joined(separator: ", ")
    return names.count > 8 ? listed + " and \(names.count - 8) more" : listed
  }
}
