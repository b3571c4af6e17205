extension Schema {
  /// Periods and the ledger: close by two people, restatement, adjustments, disputes. From format 1 to 2.
  static let secondPeriods: [String] = []
}
