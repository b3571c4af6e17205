/// Which cost records a pool takes.
public indirect enum PoolFilter: Hashable, Sendable {
  /// A text field passes a test.
  case field(CostField, TextTest)
  /// A tag passes a test.
  case tag(String, TextTest)
  /// All of these; everything when empty.
  case all([PoolFilter])
  /// At least one of these.
  case any([PoolFilter])
  /// Not this.
  case not(PoolFilter)

  /// Whether the filter takes a record.
  public func takes(_ record: CostRecord) -> Bool {
    switch self {
    case .field(let field, let test): test.passes(record[field])
    case .tag(let key, let test): test.passes(record.tag(key))
    case .all(let filters): filters.allSatisfy { $0.takes(record) }
    case .any(let filters): filters.contains { $0.takes(record) }
    case .not(let filter): !filter.takes(record)
    }
  }
}

/// A test on a text that may be absent. Only `present(false)` passes an absent one.
public enum TextTest: Hashable, Sendable {
  /// Equal to this.
  case equals(String)
  /// Equal to one of these.
  case oneOf([String])
  /// Beginning with this.
  case prefix(String)
  /// There, or not there.
  case present(Bool)

  /// Whether a text passes.
  func passes(_ text: String?) -> Bool {
    guard let text else { return self == .present(false) }
    switch self {
    // By bytes: texts that only look alike are different owners.
    case .equals(let other): return text.utf8.elementsEqual(other.utf8)
    case .oneOf(let others): return others.contains { text.utf8.elementsEqual($0.utf8) }
    case .prefix(let start): return text.utf8.starts(with: start.utf8)
    case .present(let isWanted): return isWanted
    }
  }
}
