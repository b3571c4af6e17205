internal import Foundation

/// Which names of tokens belong to one person, as far as the store can know.
///
/// Whoever holds an operator's token can make another through the API, under any name. So a name is
/// followed to who made its tokens, up to tokens that were made at the store: those stand for people.
/// Two names that meet in one of these are one person. Where several tokens have one name, all of them
/// count, revoked ones too.
public struct TokenMakers: Sendable {
  /// Of each name the makers of its tokens, nil for those made at the store.
  private let makers: [String: Set<String?>]

  /// What these tokens say. Only operators ask, approve and make tokens, so only theirs count.
  public init(_ tokens: [Token]) {
    makers = Dictionary(grouping: tokens.filter { $0.role == .operator }) { Self.key($0.name) }
      .mapValues { Set($0.map { token in token.maker.map(Self.key) }) }
  }

  /// Whether two names are one person's: the same but for case and blanks at their ends, or led back
  /// to one token that was made at the store.
  public func isOnePerson(_ left: String, _ right: String) -> Bool {
    Self.key(left) == Self.key(right)
      || !people(behind: left).isDisjoint(with: people(behind: right))
  }

  /// The names at which the way upward from a name ends.
  private func people(behind name: String) -> Set<String> {
    var people: Set<String> = []
    var seen: Set<String> = []
    var waiting = [Self.key(name)]
    // Bound: each name is followed once.
    while let next = waiting.popLast() {
      guard seen.insert(next).inserted else { continue }
      for maker in makers[next] ?? [nil] {
        if let maker { waiting.append(maker) } else { people.insert(next) }
      }
    }
    return people.isEmpty ? seen : people
  }

  private static func key(_ name: String) -> String {
    name.trimmingCharacters(in: .whitespaces).lowercased()
  }
}
