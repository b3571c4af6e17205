internal import Accounting

/// A cost map that an operator wrote: YAML text turned into the tree that `Accounting` decodes.
enum CostMapDocument {
  /// The map in these bytes; throws `documentInvalid` with all faults.
  static func map(_ bytes: [UInt8]) throws -> ColumnMap {
    do {
      return try ColumnMap.decode(try PolicyDocument.tree(bytes))
    } catch APIError.policyInvalid(let faults) {
      throw APIError.documentInvalid(faults: faults)
    }
  }
}
