extension Schema {
  /// Statements: archived documents, tenant-scoped access, exports. From format 1 to 2.
  static let secondStatements: [String] = []
}
