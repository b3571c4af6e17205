import Yams

/// Collects every fault of a configuration file with its place.
final class ConfigurationFaults {
  private(set) var faults: [String] = []

  func add(_ path: String, _ fault: String) {
    faults.append(path.isEmpty ? fault : "\(path): \(fault)")
  }
}

/// A place in the configuration file: reads typed values, notes what is wrong, never stops at the first fault.
struct ConfigurationNode {
  private let node: Yams.Node?
  private let path: String
  private let faults: ConfigurationFaults

  init(_ node: Yams.Node?, path: String = "", faults: ConfigurationFaults) {
    self.node = node
    self.path = path
    self.faults = faults
  }

  /// Whether something stands here.
  var exists: Bool {
    guard let node else { return false }
    return node.null == nil || node.scalar?.style != .plain || !node.isNullScalar
  }

  /// Whether keys and values stand here.
  var isMapping: Bool { node?.mapping != nil }

  /// Notes a fault at this place.
  func fault(_ text: String) { faults.add(path, text) }

  /// The value under a key, also when it is absent.
  subscript(_ key: String) -> ConfigurationNode {
    let place = path.isEmpty ? key : "\(path).\(key)"
    return ConfigurationNode(node?.mapping?[Yams.Node(key)], path: place, faults: faults)
  }

  /// Notes every key that is none of these, and a value that is no mapping.
  func allow(_ keys: Set<String>) {
    guard exists else { return }
    guard let mapping = node?.mapping else {
      fault("must be a mapping of keys")
      return
    }
    for (key, _) in mapping {
      guard let name = key.string else { continue }
      if !keys.contains(name) {
        faults.add(
          path, "unknown key \"\(name)\"; known are \(keys.sorted().joined(separator: ", "))")
      }
    }
  }

  /// The elements of a list, none when it is absent.
  var elements: [ConfigurationNode] {
    guard exists else { return [] }
    guard let sequence = node?.sequence else {
      fault("must be a list")
      return []
    }
    return sequence.enumerated().map { index, element in
      ConfigurationNode(element, path: "\(path)[\(index)]", faults: faults)
    }
  }

  /// Keys and values of a mapping, none when it is absent.
  var entries: [(key: String, value: ConfigurationNode)] {
    guard exists else { return [] }
    guard let mapping = node?.mapping else {
      fault("must be a mapping of names")
      return []
    }
    return mapping.compactMap { key, _ in key.string.map { ($0, self[$0]) } }
  }

  /// Text, or `fallback` when it is absent.
  func string(_ fallback: String = "") -> String { optionalString() ?? fallback }

  /// Text, or nil when it is absent.
  func optionalString() -> String? {
    guard exists else { return nil }
    guard let text = node?.scalar?.string else {
      fault("must be text")
      return nil
    }
    return text
  }

  /// Text that must be there.
  func requiredString() -> String {
    guard exists else {
      fault("is missing")
      return ""
    }
    return string()
  }

  /// A whole number, or `fallback` when it is absent.
  func integer(_ fallback: Int) -> Int {
    guard exists else { return fallback }
    guard let text = node?.scalar?.string, let value = Int(text.filter { $0 != "_" }) else {
      fault("must be a whole number")
      return fallback
    }
    return value
  }

  /// `true` or `false`, or `fallback` when it is absent.
  func boolean(_ fallback: Bool) -> Bool {
    guard exists else { return fallback }
    switch node?.scalar?.string {
    case "true": return true
    case "false": return false
    default:
      fault("must be true or false")
      return fallback
    }
  }

  /// A list of texts; a single text counts as a list of one.
  func strings(_ fallback: [String] = []) -> [String] {
    guard exists else { return fallback }
    if let text = node?.scalar?.string { return [text] }
    return elements.map { $0.requiredString() }
  }
}

extension Yams.Node {
  fileprivate var isNullScalar: Bool {
    guard let text = scalar?.string else { return false }
    return ["", "~", "null", "Null", "NULL"].contains(text)
  }
}
