import Accounting
import Digest
import Testing

struct LedgerTests {
  /// Two closes of three pools: a chain of six entries.
  private static func chain() throws -> [ChainedEntry] {
    let policy = try PolicyText.decode(
      """
      {"version":1,"name":"p","currency":"USD","pools":[
        {"name":"a","match":{"service":"a"},"method":{"kind":"keep"}},
        {"name":"b","match":{"service":"b"},"method":{"kind":"direct","tag":"tenant"}}]}
      """)
    var tagged = Fixtures.record("7.5", service: "b")
    tagged.tags = ["tenant": "acme"]
    let records = [Fixtures.record("3", service: "a"), tagged, Fixtures.record("1")]
    let close = try Close(records, policy: policy, usage: UsageFigures())
    var again = Fixtures.context(policy)
    again.version = 2
    guard let head = close.chain.last?.head else { return [] }
    return close.chain
      + (try LedgerPosting.entries(for: close.allocation, context: again, after: head))
  }

  private static func report(
    _ stored: [StoredEntry], anchors: [LedgerHead] = [], balances: [AccountBalance]? = nil
  ) -> LedgerReport {
    var verifier = LedgerVerifier(anchors: anchors)
    for entry in stored { verifier.check(entry) }
    return verifier.finish(balances: balances)
  }

  @Test func `an untouched chain is sound and its balances add up to nothing`() throws {
    let chain = try Self.chain()
    let head = try #require(chain.last?.head)
    let report = Self.report(chain.map { StoredEntry($0) }, anchors: [head, .empty])

    #expect(report.faults == [])
    #expect(report.head == head)
    #expect(report.balances.reduce(0) { $0 + $1.amount.micros } == 0)
    #expect(
      report.balances.map { "\($0.account) \($0.amount.text)" } == [
        "cost:a -6.000000", "cost:b -15.000000", "cost:~unmatched -2.000000",
        "platform:kept 6.000000", "platform:unallocated:unmatched 2.000000",
        "tenant:acme 15.000000",
      ])
  }

  @Test func `canonical bytes decode to the entry they came from`() throws {
    for link in try Self.chain() {
      let decoded = try Entry(canonicalBytes: link.entry.canonicalBytes)
      #expect(decoded == link.entry)
    }
  }

  @Test func `the first entry has the bytes and hash that the reference page describes`() throws {
    let entry = try #require(Self.chain().first?.entry)
    var bytes: [UInt8] = [1]
    func text(_ value: String) -> [UInt8] {
      [0, 0, 0, UInt8(value.utf8.count)] + Array(value.utf8)
    }
    func integer(_ value: UInt64) -> [UInt8] {
      (0..<8).map { UInt8(truncatingIfNeeded: value >> (56 - 8 * UInt64($0))) }
    }
    bytes += integer(0)
    let id = text("weir-entry") + text("2026-10") + [0, 0, 0, 1] + text("allocation") + text("a")
    bytes += SHA256.hash(id).bytes
    bytes += text("allocation") + text("a") + text("2026-10") + [0, 0, 0, 1]
    bytes += integer(UInt64(Fixtures.october.end.microseconds)) + text("ann") + text("month end")
    bytes += [1] + (entry.policy?.bytes ?? []) + [0, 0, 0, 1] + SHA256.hash("bill.csv").bytes + [0]
    bytes += [0, 0, 0, 2] + text("cost:a") + text("USD") + integer(UInt64(bitPattern: -3_000_000))
    bytes += text("platform:kept") + text("USD") + integer(3_000_000)

    #expect(entry.canonicalBytes == bytes)
    #expect(
      entry.hash(after: .zero) == SHA256.hash([UInt8](repeating: 0, count: 32) + bytes))
  }

  @Test func `every flipped byte of the chain is found`() throws {
    let stored = try Self.chain().map { StoredEntry($0) }
    for index in stored.indices {
      for offset in stored[index].canonical.indices {
        var changed = stored
        changed[index].canonical[offset] ^= 0x20
        #expect(!Self.report(changed).isSound, "entry \(index), byte \(offset)")
      }
      for offset in 0..<32 {
        var bytes = stored[index].hash.bytes
        bytes[offset] ^= 1
        var changed = stored
        changed[index].hash = try #require(Digest256(bytes: bytes))
        #expect(!Self.report(changed).isSound, "entry \(index), hash byte \(offset)")
        changed = stored
        var previous = stored[index].previous.bytes
        previous[offset] ^= 1
        changed[index].previous = try #require(Digest256(bytes: previous))
        #expect(!Self.report(changed).isSound, "entry \(index), previous byte \(offset)")
      }
    }
  }

  @Test func `a byte flipped and hashed again is found by the anchor`() throws {
    let chain = try Self.chain()
    let head = try #require(chain.last?.head)
    var forged: [StoredEntry] = []
    var previous = Digest256.zero
    for link in chain {
      var context = Fixtures.context(try PolicyText.decode(Self.tiny))
      context.version = link.entry.version
      context.reason = "forged"
      let entry = try Entry(
        sequence: link.entry.sequence, kind: .allocation, subject: link.entry.subject,
        context: context, postings: link.entry.postings)
      let hash = entry.hash(after: previous)
      forged.append(
        StoredEntry(canonical: entry.canonicalBytes, previous: previous, hash: hash, columns: entry)
      )
      previous = hash
    }

    #expect(Self.report(forged).isSound)
    #expect(!Self.report(forged, anchors: [head]).isSound)
  }

  private static let tiny = """
    {"version":1,"name":"p","currency":"USD","pools":[{"name":"a","method":{"kind":"keep"}}]}
    """

  @Test func `two entries that changed places are found`() throws {
    let stored = try Self.chain().map { StoredEntry($0) }
    for first in stored.indices {
      for second in stored.indices where second > first {
        var changed = stored
        changed.swapAt(first, second)
        #expect(!Self.report(changed).isSound, "\(first) and \(second)")
      }
    }
  }

  @Test func `a missing entry and a cut tail are found`() throws {
    let chain = try Self.chain()
    let stored = chain.map { StoredEntry($0) }
    let head = try #require(chain.last?.head)
    for count in 0..<stored.count {
      let cut = Self.report(Array(stored[..<count]), anchors: [head])
      #expect(
        cut.faults.map(\.reason)
          == ["the ledger has \(count) entries, it was anchored with \(stored.count)"])
      var holed = stored
      holed.remove(at: count)
      #expect(!Self.report(holed, anchors: [head]).isSound)
    }
  }

  @Test func `an anchor of the middle is compared when the ledger has grown`() throws {
    let chain = try Self.chain()
    let stored = chain.map { StoredEntry($0) }
    #expect(Self.report(stored, anchors: [chain[2].head]).isSound)
    let wrong = LedgerHead(count: 3, hash: chain[1].hash)
    #expect(!Self.report(stored, anchors: [wrong]).isSound)
  }

  @Test func `columns that differ from the bytes are found`() throws {
    let chain = try Self.chain()
    var stored = chain.map { StoredEntry($0) }
    stored[2].columns = chain[1].entry

    #expect(
      Self.report(stored).faults
        .map(\.description) == ["entry 2: its columns differ from its bytes"])
  }

  @Test func `a stored balance that is not the sum of its postings is found`() throws {
    let stored = try Self.chain().map { StoredEntry($0) }
    let right = Self.report(stored).balances
    #expect(Self.report(stored, balances: right).isSound)

    for index in right.indices {
      var wrong = right
      let amount = Money(
        micros: wrong[index].amount.micros + 1, currency: wrong[index].amount.currency)
      wrong[index] = AccountBalance(account: wrong[index].account, amount: amount)
      #expect(!Self.report(stored, balances: wrong).isSound)
      wrong = right
      wrong.remove(at: index)
      #expect(!Self.report(stored, balances: wrong).isSound)
    }
  }

  @Test func `postings that do not sum to zero make no entry`() throws {
    let policy = try PolicyText.decode(Self.tiny)
    let dollar = Money(micros: 5, currency: Fixtures.currency("USD"))
    let euro = Money(micros: -5, currency: Fixtures.currency("EUR"))
    #expect(throws: AccountingError.unbalanced(currency: "USD", sum: "0.000005")) {
      try Entry(
        sequence: 0, kind: .allocation, subject: "a", context: Fixtures.context(policy),
        postings: [Posting(account: .kept, amount: dollar)])
    }
    #expect(throws: AccountingError.self) {
      try Entry(
        sequence: 0, kind: .allocation, subject: "a", context: Fixtures.context(policy),
        postings: [
          Posting(account: .kept, amount: dollar), Posting(account: .fx, amount: euro),
        ])
    }
  }

  @Test func `an id follows period, version, kind and subject, and nothing else`() throws {
    let first = Entry.makeId(
      period: Fixtures.october, version: 1, kind: .allocation, subject: "a")
    let others = [
      Entry.makeId(period: Fixtures.october.next, version: 1, kind: .allocation, subject: "a"),
      Entry.makeId(period: Fixtures.october, version: 2, kind: .allocation, subject: "a"),
      Entry.makeId(period: Fixtures.october, version: 1, kind: .reversal, subject: "a"),
      Entry.makeId(period: Fixtures.october, version: 1, kind: .allocation, subject: "b"),
    ]
    #expect(Set(others + [first]).count == 5)
  }

  @Test func `a version byte of another format is refused with both versions`() throws {
    var bytes = try #require(Self.chain().first).entry.canonicalBytes
    bytes[0] = 9
    #expect(
      throws: AccountingError.malformedEntry(
        offset: 0, reason: "this Weir reads entry version 1, found 9")
    ) { try Entry(canonicalBytes: bytes) }
  }

  @Test func `bytes cut anywhere or with a tail are no entry`() throws {
    let bytes = try #require(Self.chain().first).entry.canonicalBytes
    for count in 0..<bytes.count {
      #expect(throws: AccountingError.self) { try Entry(canonicalBytes: Array(bytes[..<count])) }
    }
    #expect(throws: AccountingError.self) { try Entry(canonicalBytes: bytes + [0]) }
  }

  @Test(arguments: [
    "cost:compute", "tenant:acme", "tenant:a:b", "platform:unallocated:no-owner", "platform:kept",
    "platform:rounding", "platform:fx",
  ])
  func `accounts round-trip through their text`(text: String) throws {
    #expect(try Account(text: text).text == text)
  }

  @Test(arguments: ["", "cost:", "tenant:", "platform:", "platform:unallocated:", "bank:x", "kept"])
  func `other texts are no account`(text: String) {
    #expect(throws: AccountingError.self) { try Account(text: text) }
  }
}
