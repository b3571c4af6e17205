internal import Accounting
internal import Yams

/// A policy document: YAML text turned into the tree that `Accounting` decodes.
///
/// Scalars keep the text of the source, so that `0.7` is never a floating-point number.
enum PolicyDocument {
  /// Bound: how many nodes a document may have once its aliases are followed.
  private static let nodesMax = 100_000

  /// The policy in these bytes; throws `PolicyFaults`, or `policyInvalid` when they are not YAML.
  static func policy(_ bytes: [UInt8]) throws -> Policy {
    try Policy.decode(try tree(bytes), source: bytes)
  }

  /// The tree of a document; throws `policyInvalid` when it is not YAML.
  static func tree(_ bytes: [UInt8]) throws(APIError) -> PolicyNode {
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw .policyInvalid(faults: ["the document is not UTF-8"])
    }
    let root: Node?
    do {
      root = try Yams.compose(yaml: text)
    } catch {
      throw .policyInvalid(faults: ["not YAML: \(YAMLFault.line(error))"])
    }
    guard let root else { throw .policyInvalid(faults: ["the document is empty"]) }
    var budget = nodesMax
    return try node(root, budget: &budget)
  }

  private static func node(_ node: Node, budget: inout Int) throws(APIError) -> PolicyNode {
    budget -= 1
    guard budget > 0 else {
      throw .policyInvalid(faults: ["the document has more than \(nodesMax) values"])
    }
    let line = node.mark?.line ?? 0
    switch node {
    case .scalar(let scalar):
      let isNull = scalar.style == .plain && ["", "~", "null"].contains(scalar.string)
      return PolicyNode(isNull ? .null : .scalar(scalar.string), line: line)
    case .sequence(let sequence):
      var elements: [PolicyNode] = []
      for element in sequence { elements.append(try Self.node(element, budget: &budget)) }
      return PolicyNode(.list(elements), line: line)
    case .mapping(let mapping):
      var entries: [PolicyNode.Entry] = []
      for (key, value) in mapping {
        guard let name = key.scalar?.string else {
          throw .policyInvalid(faults: ["line \(key.mark?.line ?? 0): a key must be a text"])
        }
        entries.append(.init(name, try Self.node(value, budget: &budget)))
      }
      return PolicyNode(.map(entries), line: line)
    case .alias:
      throw .policyInvalid(faults: ["line \(line): an alias without its anchor"])
    }
  }
}
