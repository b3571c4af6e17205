import Accounting

/// Policies in tests are written as JSON, which is YAML too.
enum PolicyText {
  static func decode(_ text: String) throws -> Policy {
    try Policy.decode(node(JSONValue(parsing: Array(text.utf8))), source: Array(text.utf8))
  }

  static func faults(_ text: String) throws -> [String] {
    do {
      _ = try decode(text)
      return []
    } catch let error as PolicyFaults {
      return error.faults.map(\.description)
    }
  }

  static func node(_ value: JSONValue) -> PolicyNode {
    switch value {
    case .null: PolicyNode(.null)
    case .bool(let flag): PolicyNode(.scalar(flag ? "true" : "false"))
    case .number(let text), .string(let text): PolicyNode(.scalar(text))
    case .array(let elements): PolicyNode(.list(elements.map(node)))
    case .object(let members):
      PolicyNode(.map(members.map { .init($0.key, node($0.value)) }))
    }
  }
}
