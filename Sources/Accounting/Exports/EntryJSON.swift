public import Digest

extension Entry {
  /// The entry as JSON, with its place in the chain: what the API answers and JSON Lines hold.
  public func json(previous: Digest256, hash: Digest256) -> JSONValue {
    let postings = postings.map { posting in
      JSONValue.object([
        .init("account", .string(posting.account.text)),
        .init("amount", .string(posting.amount.text)),
        .init("currency", .string(posting.amount.currency.code)),
      ])
    }
    return .object([
      .init("sequence", .integer(sequence)), .init("id", .string(id.hex)),
      .init("kind", .string(kind.rawValue)), .init("subject", .string(subject)),
      .init("period", .string(period.description)), .init("version", .integer(version)),
      .init("posted_at", .string(postedAt.description)), .init("by", .string(actor)),
      .init("reason", .string(reason)), .init("policy", .text(policy?.hex)),
      .init("imports", .array(imports.map { .string($0.hex) })),
      .init("reverses", .text(reverses?.hex)), .init("postings", .array(postings)),
      .init("previous", .string(previous.hex)), .init("hash", .string(hash.hex)),
    ])
  }
}
