/// Walks a document's tree and notes every fault with its path.
///
/// Reading goes on after a fault with a stand-in value, so that one look shows them all. A document
/// with any fault yields no policy, so no stand-in is ever used.
struct PolicyReader {
  private(set) var faults: [PolicyFault] = []

  mutating func fail(_ path: String, _ node: PolicyNode?, _ reason: String) {
    faults.append(PolicyFault(path: path, line: node?.line ?? 0, reason: reason))
  }

  /// The entries of a mapping, after checking its keys; `nil` when it is none.
  mutating func map(
    _ node: PolicyNode, _ path: String, keys: [String]
  ) -> [String: PolicyNode]? {
    guard let entries = entries(node, path) else { return nil }
    var result: [String: PolicyNode] = [:]
    for (key, value) in entries {
      if keys.contains(key) {
        result[key] = value
      } else {
        fail(
          Self.join(path, key), value, "unknown key (known: \(keys.joined(separator: ", ")))")
      }
    }
    return result
  }

  /// The entries of a mapping with keys of any name, in order, without duplicates.
  mutating func entries(
    _ node: PolicyNode, _ path: String
  ) -> [(key: String, value: PolicyNode)]? {
    guard case .map(let entries) = node.content else {
      fail(path, node, "must be a mapping, not \(node.kind)")
      return nil
    }
    var seen: Set<String> = []
    var result: [(key: String, value: PolicyNode)] = []
    for entry in entries {
      if seen.insert(entry.key).inserted {
        result.append((entry.key, entry.value))
      } else {
        fail(Self.join(path, entry.key), entry.value, "the key stands twice")
      }
    }
    return result
  }

  mutating func list(_ node: PolicyNode, _ path: String) -> [PolicyNode]? {
    guard case .list(let elements) = node.content else {
      fail(path, node, "must be a list, not \(node.kind)")
      return nil
    }
    return elements
  }

  mutating func text(_ node: PolicyNode, _ path: String) -> String? {
    guard case .scalar(let text) = node.content, !text.isEmpty else {
      fail(path, node, "must be a text, not \(node.kind)")
      return nil
    }
    return text
  }

  mutating func texts(_ node: PolicyNode, _ path: String) -> [String]? {
    guard let elements = list(node, path) else { return nil }
    if elements.isEmpty { fail(path, node, "must not be empty") }
    return elements.enumerated().compactMap { text($1, "\(path)[\($0)]") }
  }

  /// A decimal number of at least `min`.
  mutating func decimal(_ node: PolicyNode, _ path: String, isZeroAllowed: Bool) -> Amount? {
    guard let text = text(node, path) else { return nil }
    guard let (amount, lostDigits) = try? DecimalText.amount(text) else {
      fail(path, node, "must be a decimal number, not \"\(text)\"")
      return nil
    }
    if lostDigits { fail(path, node, "has more than 18 fraction digits") }
    if amount < .zero || (amount == .zero && !isZeroAllowed) {
      fail(path, node, isZeroAllowed ? "must not be negative" : "must be greater than 0")
    }
    return amount
  }

  /// The value of a required key.
  mutating func require(
    _ key: String, in map: [String: PolicyNode], of node: PolicyNode, _ path: String
  ) -> PolicyNode? {
    guard let value = map[key] else {
      fail(Self.join(path, key), node, "is missing")
      return nil
    }
    return value
  }

  /// A path with a key added.
  static func join(_ path: String, _ key: String) -> String {
    path.isEmpty ? key : "\(path).\(key)"
  }
}
