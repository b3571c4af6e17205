internal import Accounting
internal import Digest
internal import Foundation
internal import Store

/// The digest that an approval is for: everything that would be posted, and what it was made from.
/// Time, place in the ledger and people are not in it, so that it is the same when nothing changed.
enum PostingProposal {
  /// SHA-256 over one line a fact: entries with their postings, then digests of inputs, waivers with
  /// what they waive, and the reason.
  ///
  /// What lasts until `now` lasts longer at the approval: that moment is not part of a waiver.
  static func digest(
    of entries: [Entry], frozen: FrozenInputs?, waived: [ClosePeriod.Blocker], reason: String,
    at now: UTCInstant
  ) -> Digest256 {
    var hash = SHA256()
    for entry in entries {
      hash.update(line(["entry", entry.id.hex, entry.kind.rawValue, entry.reverses?.hex ?? ""]))
      for posting in entry.postings {
        hash.update(
          line([
            "posting", posting.account.text, String(posting.amount.micros),
            posting.amount.currency.code,
          ]))
      }
    }
    if let frozen {
      hash.update(line(["inputs", frozen.policy.hex, frozen.usage.hex, frozen.register.hex]))
      let others = frozen.others
      let digests = [others.rates, others.skuMap, others.series, others.invoices]
      hash.update(line(["others"] + digests.map { $0?.hex ?? "" }))
      for snapshot in frozen.imports {
        hash.update(line(["import", snapshot.source, snapshot.digest.hex]))
      }
    }
    let waivers = waived.map { blocker in
      let message = blocker.message.replacingOccurrences(of: now.description, with: "now")
      return line(["waived", blocker.code, SHA256.hash(message).hex])
    }
    for waiver in waivers.sorted(by: { $0.lexicographicallyPrecedes($1) }) { hash.update(waiver) }
    hash.update(line(["reason", reason]))
    return hash.finish()
  }

  private static func line(_ words: [String]) -> [UInt8] {
    Array((words.joined(separator: "\t") + "\n").utf8)
  }
}
