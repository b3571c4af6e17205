extension Schema {
  /// Costs and external drivers: imports of every shape, SKU maps, series. From format 1 to 2.
  static let secondCosts: [String] = []
}
