internal import Accounting

/// Everything that is wrong with a configuration file.
public struct ConfigurationFaults: Error, Sendable, Equatable, CustomStringConvertible {
  /// One line each, beginning with the path.
  public let faults: [String]

  /// All faults, one a line.
  public var description: String { faults.joined(separator: "\n") }
}

/// Reads a configuration from YAML: all faults at once, unknown keys among them.
public enum ConfigurationFile {
  /// The configuration in these bytes; throws `ConfigurationFaults`.
  public static func configuration(
    _ bytes: [UInt8]
  ) throws(ConfigurationFaults) -> AllocatorConfiguration {
    let root: PolicyNode
    do {
      root = try PolicyDocument.tree(bytes)
    } catch {
      guard case .policyInvalid(let faults) = error else {
        throw ConfigurationFaults(faults: ["\(error)"])
      }
      throw ConfigurationFaults(faults: faults)
    }
    var reader = Reader()
    reader.read(root, path: "")
    guard reader.faults.isEmpty else { throw ConfigurationFaults(faults: reader.faults) }
    return reader.configuration
  }

  private struct Reader {
    var configuration = AllocatorConfiguration()
    var faults: [String] = []
    private var seen: Set<String> = []

    mutating func read(_ node: PolicyNode, path: String) {
      guard case .map(let entries) = node.content else {
        faults.append("\(path.isEmpty ? "the file" : path): must be a mapping (line \(node.line))")
        return
      }
      for entry in entries {
        let place = path.isEmpty ? entry.key : "\(path).\(entry.key)"
        guard seen.insert(place).inserted else {
          faults.append("\(place): stands twice (line \(entry.value.line))")
          continue
        }
        if let key = ConfigurationKey.all.first(where: { $0.path == place }) {
          take(entry.value, key)
        } else if ConfigurationKey.all.contains(where: { $0.path.hasPrefix(place + ".") }) {
          read(entry.value, path: place)
        } else {
          faults.append("\(place): unknown key (line \(entry.value.line))")
        }
      }
    }

    private mutating func take(_ node: PolicyNode, _ key: ConfigurationKey) {
      do {
        try key.take(&configuration, try value(node))
      } catch {
        faults.append("\(key.path): \(error.reason) (line \(node.line))")
      }
    }

    private func value(
      _ node: PolicyNode
    ) throws(ConfigurationKey.Refusal) -> ConfigurationKey.Value {
      switch node.content {
      case .scalar(let text): return .text(text)
      case .null: throw .init(reason: "has no value")
      case .map: throw .init(reason: "must not be a mapping")
      case .list(let elements):
        var texts: [String] = []
        for element in elements {
          guard case .scalar(let text) = element.content else {
            throw .init(reason: "must be a list of single values")
          }
          texts.append(text)
        }
        return .list(texts)
      }
    }
  }
}
