extension Schema {
  /// Usage: quantities that came after the first format. From format 1 to 2.
  static let secondUsage: [String] = []
}
