/// The header of a CSV cost file: which form it is, and where its columns stand.
struct CostHeader {
  /// Where each column stands.
  private(set) var positions: [String: Int] = [:]
  /// How many columns there are.
  let count: Int

  /// Reads a header; throws `unreadableCosts` when a name is not UTF-8 or stands twice.
  init(_ row: CostRow) throws(AccountingError) {
    count = row.count
    for index in 0..<row.count {
      guard let name = row.text(index) else {
        throw .unreadableCosts(reason: "the name of column \(index + 1) is not UTF-8")
      }
      guard positions.updateValue(index, forKey: name) == nil else {
        throw .unreadableCosts(
          reason: "column \"\(name.prefix(80))\" stands twice in the header")
      }
    }
  }

  /// The form that was asked for, or the one that these columns tell.
  func format(_ choice: CostFileChoice) throws(AccountingError) -> CostFormat {
    if let format = choice.format { return format }
    let names = Set(positions.keys)
    if ControlRowDecoder.invoiceMarks.isSubset(of: names) { return .focusInvoiceDetail }
    if ControlRowDecoder.periodMarks.isSubset(of: names) { return .focusBillingPeriod }
    if names.contains("BilledCost") || names.contains("EffectiveCost") { return .focus }
    let folded = Set(names.map { $0.lowercased() })
    for map in [ColumnMap.awsCUR2, .azureCostDetails] {
      let isMet = map.signature.allSatisfy { alternatives in
        alternatives.contains { folded.contains($0.lowercased()) }
      }
      if isMet, let format = CostFormat(rawValue: map.name) { return format }
    }
    return .focus
  }

  /// The version of a FOCUS file; throws when mandatory columns are missing.
  func focusVersion() throws(AccountingError) -> FocusVersion {
    let names = Set(positions.keys)
    guard let found = FocusVersion.detect(names) else {
      let missing = (FocusVersion.common + ["ServiceProviderName or ProviderName"])
        .filter { !names.contains($0) }
      throw .notFocus(reason: "missing columns: \(missing.joined(separator: ", "))")
    }
    let missing = found.mandatoryColumns.filter { !names.contains($0) }
    guard missing.isEmpty else {
      throw .focusColumnsMissing(version: found.rawValue, columns: missing)
    }
    return found
  }

  /// Where the columns of a map stand, by the map's spelling; throws when needed ones are missing.
  func positions(for map: ColumnMap) throws(AccountingError) -> [String: Int] {
    var found = positions
    if map.ignoresCase {
      let folded = Dictionary(
        positions.map { ($0.key.lowercased(), $0.value) }, uniquingKeysWith: { first, _ in first })
      for name in map.columnNames where found[name] == nil {
        found[name] = folded[name.lowercased()]
      }
    }
    let missing = map.required.filter { alternatives in
      !alternatives.contains { found[$0] != nil }
    }
    guard missing.isEmpty else {
      let names = missing.map { $0.joined(separator: " or ") }
      throw .unreadableCosts(
        reason: "missing columns of \(map.name): \(names.joined(separator: ", "))")
    }
    return found
  }
}
