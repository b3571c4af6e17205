import Accounting
import Foundation

/// `AccountingBench FILE POLICY.json PERIOD`: reads a FOCUS file and puts its records into the pools of
/// a policy, as an import and a close do, without a store. Prints what the pools came to.
@main
struct AccountingBench {
  static func main() throws {
    let arguments = CommandLine.arguments
    guard arguments.count == 4, let file = FileHandle(forReadingAtPath: arguments[1]) else {
      print("usage: AccountingBench FILE POLICY.json PERIOD")
      exit(2)
    }
    let source = [UInt8](try Data(contentsOf: URL(fileURLWithPath: arguments[2])))
    let policy = try Policy.decode(node(try JSONValue(parsing: source)), source: source)
    var pooling = CostPooling(policy: policy, period: try Period(parsing: arguments[3]))
    var reader = CostFileReader()
    while let data = try file.read(upToCount: 256 * 1024), !data.isEmpty {
      try take(try reader.feed([UInt8](data)), &pooling)
    }
    try take(try reader.finish(), &pooling)
    let costs = try pooling.finish()
    for pool in costs.pools {
      print(pool.name, pool.tally.records, pool.tally.billed, pool.tally.effective)
    }
    print("faults", reader.totals.faultyRows)
  }

  private static func take(_ events: [CostEvent], _ pooling: inout CostPooling) throws {
    for event in events {
      if case .record(let record) = event { try pooling.add(record) }
    }
  }

  /// A policy as JSON, which is YAML too.
  private static func node(_ value: JSONValue) -> PolicyNode {
    switch value {
    case .null: PolicyNode(.null)
    case .bool(let isTrue): PolicyNode(.scalar(isTrue ? "true" : "false"))
    case .number(let text), .string(let text): PolicyNode(.scalar(text))
    case .array(let elements): PolicyNode(.list(elements.map(node)))
    case .object(let members):
      PolicyNode(.map(members.map { PolicyNode.Entry($0.key, node($0.value)) }))
    }
  }
}
