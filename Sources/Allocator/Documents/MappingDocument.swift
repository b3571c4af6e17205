internal import Accounting

/// A mapping to the general ledger: strict YAML, every fault named.
///
///     version: 1
///     name: gl-2026
///     rules:
///       - {account: "tenant:*", gl: "6200", dimension: tenants}
enum MappingDocument {
  /// The mapping in these bytes; throws `mappingInvalid` with all faults.
  static func mapping(_ bytes: [UInt8]) throws(APIError) -> JournalMapping {
    let root: PolicyNode
    do {
      root = try PolicyDocument.tree(bytes)
    } catch {
      guard case .policyInvalid(let faults) = error else { throw error }
      throw .mappingInvalid(faults: faults)
    }
    var reader = MappingReader()
    let mapping = reader.mapping(root)
    guard reader.faults.isEmpty, let mapping else { throw .mappingInvalid(faults: reader.faults) }
    return mapping
  }
}

/// Collects the parts of a mapping and everything that is wrong with them.
private struct MappingReader {
  var faults: [String] = []
  private var seen: Set<String> = []

  mutating func mapping(_ root: PolicyNode) -> JournalMapping? {
    let entries = fields(root, ["version", "name", "rules"], of: "the mapping")
    if text(entries["version"]) != "1" { fault(root.line, "version must be 1") }
    let name = text(entries["name"]) ?? ""
    if name.isEmpty { fault(root.line, "name is missing") }
    guard case .list(let elements) = entries["rules"]?.content, !elements.isEmpty else {
      fault(entries["rules"]?.line ?? root.line, "rules must be a list with at least one rule")
      return nil
    }
    var rules: [JournalMapping.Rule] = []
    for element in elements {
      if let rule = rule(element) { rules.append(rule) }
    }
    return JournalMapping(name: name, rules: rules)
  }

  private mutating func rule(_ node: PolicyNode) -> JournalMapping.Rule? {
    let entries = fields(node, ["account", "gl", "dimension"], of: "a rule")
    guard let account = text(entries["account"]), !account.isEmpty else {
      fault(node.line, "account is missing")
      return nil
    }
    if !seen.insert(account).inserted { fault(node.line, "account \(account) stands twice") }
    guard let general = text(entries["gl"]), !general.isEmpty else {
      fault(node.line, "gl of \(account) is missing")
      return nil
    }
    let dimension = text(entries["dimension"]) ?? ""
    guard account.hasSuffix("*") else {
      if (try? Account(text: account)) == nil {
        fault(node.line, "\"\(account)\" is not an account of the ledger")
      }
      return .init(match: .exact(account), general: general, dimension: dimension)
    }
    let prefix = String(account.dropLast())
    let isKnown = ["", "cost:", "tenant:", "platform:"].contains { kind in
      prefix.hasPrefix(kind) && (!kind.isEmpty || prefix.isEmpty)
    }
    if !isKnown || prefix.contains("*") {
      fault(node.line, "\"\(account)\" is not cost:…*, tenant:…*, platform:…* or *")
    }
    return .init(match: .prefix(prefix), general: general, dimension: dimension)
  }

  private mutating func fields(
    _ node: PolicyNode, _ known: [String], of what: String
  ) -> [String: PolicyNode] {
    guard case .map(let entries) = node.content else {
      fault(node.line, "\(what) must have \(known.joined(separator: ", "))")
      return [:]
    }
    var fields: [String: PolicyNode] = [:]
    for entry in entries {
      if !known.contains(entry.key) { fault(entry.value.line, "unknown key \"\(entry.key)\"") }
      if fields.updateValue(entry.value, forKey: entry.key) != nil {
        fault(entry.value.line, "\(entry.key) stands twice")
      }
    }
    return fields
  }

  private func text(_ node: PolicyNode?) -> String? {
    if case .scalar(let text) = node?.content { text } else { nil }
  }

  private mutating func fault(_ line: Int, _ words: String) {
    // Bound: a document has at most 100,000 values; a hundred faults are enough to act on.
    if faults.count < 100 { faults.append("line \(line): \(words)") }
  }
}
