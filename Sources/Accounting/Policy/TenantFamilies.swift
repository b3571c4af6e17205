/// Whose statement has whose cost at one moment.
///
/// Names and parents are followed together: a `parent` holds for the name that its tenant has at the
/// moment, and leads to the name that its target has then. So a relation of an old name stays true of
/// the new one, at either end, until it ends by itself.
struct TenantFamilies: Sendable {
  /// Of each tenant that is called otherwise, what it is called.
  private let names: [String: String]
  /// Of each name with a parent, the topmost one.
  private let tops: [String: String]

  /// The families at a moment; linear in the number of relations.
  init(_ history: TenantHistory, at instant: UTCInstant) {
    let holding = history.relations.filter { $0.holds(at: instant) }
    names = Self.ends(
      of: Dictionary(
        holding.filter { $0.kind == .alias }.map { ($0.tenant, $0.target) }
      ) { first, _ in first })
    var parents: [String: String] = [:]
    let links = holding.filter { $0.kind == .parent }
    // `TenantHistory.faults` refuses two parents of one name; in a document from before, the
    // relation of the name itself goes first.
    for isOwn in [true, false] {
      for link in links {
        let name = names[link.tenant] ?? link.tenant
        let parent = names[link.target] ?? link.target
        guard (name == link.tenant) == isOwn, name != parent, parents[name] == nil else { continue }
        parents[name] = parent
      }
    }
    tops = Self.ends(of: parents)
  }

  /// The tenant on whose statement the cost of `tenant` stands: the topmost parent of its name, and
  /// the tenant itself when its name has no parent.
  func bearer(of tenant: String) -> String {
    tops[names[tenant] ?? tenant] ?? tenant
  }

  /// Where the way from each key ends. On a circle, which `TenantHistory.faults` refuses, each is its
  /// own end.
  private static func ends(of next: [String: String]) -> [String: String] {
    var ends: [String: String] = [:]
    for start in next.keys where ends[start] == nil {
      var path: [String] = []
      var places: [String: Int] = [:]
      var name = start
      // Bound: a key that was met ends the way, so all ways together take each key once.
      while ends[name] == nil, places[name] == nil, let target = next[name] {
        places[name] = path.count
        path.append(name)
        name = target
      }
      let circle = places[name] ?? path.count
      for member in path[circle...] { ends[member] = member }
      let end = ends[name] ?? name
      for member in path[..<circle] { ends[member] = end }
    }
    return ends
  }
}
