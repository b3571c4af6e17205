extension Schema {
  /// Currencies and policies: rate tables, names of tenants over time. From format 1 to 2.
  static let secondMoney: [String] = []
}
