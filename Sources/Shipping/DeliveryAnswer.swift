internal import Usage

/// What the allocator says to a batch that it has taken in.
struct DeliveryAnswer: Equatable {
  enum Status: String {
    case stored, duplicate, quarantined
  }

  let status: Status
  let name: BatchName
  let store: StoreState
  /// Names that the store should have and has not.
  let missing: [BatchName]

  /// Parses the body of a 200 answer; nil for anything else than what docs/shipping.md says.
  /// Members that this program does not know are passed over.
  init?(_ body: [UInt8]) {
    guard let members = try? FlatJSON(body).members,
      case .string(let word) = members["status"], let status = Status(rawValue: word),
      case .string(let text) = members["name"], let name = BatchName(text),
      case .string(let epoch) = members["epoch"], Self.isEpoch(epoch),
      case .number(let position) = members["instance_position"]
    else { return nil }
    var missing: [BatchName] = []
    if let value = members["missing"] {
      guard case .strings(let texts) = value else { return nil }
      for text in texts {
        guard let name = BatchName(text) else { return nil }
        missing.append(name)
      }
    }
    self.status = status
    self.name = name
    store = StoreState(epoch: epoch, position: position)
    self.missing = missing
  }

  private static func isEpoch(_ text: String) -> Bool {
    (1...64).contains(text.utf8.count)
      && text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
  }
}
