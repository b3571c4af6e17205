import Accounting
import Testing

@testable import Store

/// Who is one person, by who made whose token.
@Suite struct TokenMakersTests {
  private static func token(
    _ name: String, by maker: String? = nil, role: Role = .operator, revoked: Int64? = nil
  ) -> Token {
    Token(
      id: name, name: name, role: role, tenant: nil, maker: maker, createdAtMicroseconds: 0,
      revokedAtMicroseconds: revoked)
  }

  private static let makers = TokenMakers([
    token("anna"), token("bert"), token("carl", by: "anna"), token("dora", by: "Carl"),
    token("emil", by: "bert", revoked: 1), token("bert", by: "bert"),
    token("anna", by: "bert", role: .reader), token("ring", by: "loop"),
    token("loop", by: "ring"), token("two", by: "anna"), token("two", by: "bert"),
  ])

  @Test(arguments: [
    ("anna", "ANNA ", true), ("anna", "bert", false), ("anna", "carl", true),
    ("carl", "dora", true), ("dora", "bert", false), ("emil", "bert", true),
    ("emil", "anna", false), ("two", "anna", true), ("two", "emil", true),
    ("ring", "loop", true), ("ring", "anna", false), ("nobody", "anna", false),
    ("nobody", "nobody", true),
  ])
  func `names that lead to one token made at the store are one person`(
    _ left: String, _ right: String, _ isOne: Bool
  ) {
    #expect(Self.makers.isOnePerson(left, right) == isOne)
    #expect(Self.makers.isOnePerson(right, left) == isOne)
  }

  @Test func `the store remembers who made a token through the API`() async throws {
    let scratch = try Scratch()
    let store = try await scratch.store()
    let now = UTCInstant(microseconds: 1)

    _ = try await store.tokens.create(name: "anna", role: .operator, by: "root", at: now)
    _ = try await store.tokens.create(
      name: "bert", role: .operator, maker: "anna", by: "anna", at: now)

    let found = try await store.tokens.list().map { "\($0.name) \($0.maker ?? "-")" }.sorted()
    #expect(found == ["anna -", "bert anna"])
  }
}
