/// Judges relations of tenants: everything that is wrong at any moment, found without looking at every
/// relation at every moment.
///
/// What is wrong comes about when the last relation that it takes begins, or when a rename ends that had
/// made two parents one; so those moments are looked at. And it takes relations that hang together in a
/// certain way whatever the time: circles lie within a strong component of the graph of all relations,
/// two parents of one name within the tenants that renames connect. Only such parts are looked at,
/// each at its own moments. Ordinary documents have none or small ones, and take time near to linear.
struct HistoryCheck {
  /// Bound: how many steps a document may take. A document that would take more is refused.
  static let stepsMax = 5_000_000

  /// A relation with numbers for tenants.
  private struct Link {
    let kind: TenantRelation.Kind
    let tenant: Int
    let target: Int
    let from: Int64
    let to: Int64

    func holds(at moment: Int64) -> Bool { from <= moment && moment < to }
  }

  /// How many steps were taken: lookups of what holds of a tenant, and edges of searches.
  private(set) var steps = 0
  private var found: Set<String> = []
  private let names: [String]
  /// By tenant, kind and first moment.
  private let links: [Link]
  /// Of each tenant its places in `links`, by kind.
  private let aliases: [Range<Int>]
  private let parents: [Range<Int>]

  /// A check of some relations.
  init(_ relations: [TenantRelation]) {
    var numbers: [String: Int] = [:]
    var names: [String] = []
    func number(_ name: String) -> Int {
      if let number = numbers[name] { return number }
      numbers[name] = names.count
      names.append(name)
      return names.count - 1
    }
    var links: [Link] = []
    for relation in relations {
      let what = "\(relation.kind.rawValue) of \(relation.tenant)"
      let isSelf = relation.tenant == relation.target
      if isSelf { found.insert("\(what): it leads to itself") }
      if let to = relation.to, to <= relation.from {
        found.insert("\(what): it ends at \(to), before it begins")
      } else if !isSelf {
        links.append(
          Link(
            kind: relation.kind, tenant: number(relation.tenant), target: number(relation.target),
            from: relation.from.microseconds, to: relation.to?.microseconds ?? .max))
      }
    }
    links.sort { left, right in
      if left.tenant != right.tenant { return left.tenant < right.tenant }
      if left.kind != right.kind { return left.kind == .alias }
      return (left.from, left.target) < (right.from, right.target)
    }
    var aliases = Array(repeating: 0..<0, count: names.count)
    var parents = aliases
    var start = 0
    while start < links.count {
      let (tenant, kind) = (links[start].tenant, links[start].kind)
      let end =
        links[start...].firstIndex { $0.tenant != tenant || $0.kind != kind } ?? links.count
      if kind == .alias { aliases[tenant] = start..<end } else { parents[tenant] = start..<end }
      start = end
    }
    self.names = names
    self.links = links
    self.aliases = aliases
    self.parents = parents
  }

  /// Everything that is wrong, in words and in order.
  mutating func faults() -> [String] {
    checkOverlaps()
    checkRenames()
    checkFamilies()
    checkParents()
    if steps > Self.stepsMax {
      found.insert(
        "the relations hang together in too many ways to be judged (more than \(Self.stepsMax) "
          + "steps): leave out those that ended and no longer matter")
    }
    return found.sorted(by: KeyOrder.precedes)
  }

  /// Two relations of one kind and tenant at once.
  private mutating func checkOverlaps() {
    for range in aliases + parents where range.count > 1 {
      var longest = links[range.lowerBound]
      for link in links[range].dropFirst() {
        steps += 1
        if link.from < longest.to {
          found.insert(
            "\(link.kind.rawValue) of \(names[link.tenant]): two hold at once, "
              + "\(names[longest.target]) from \(UTCInstant(microseconds: longest.from)) and "
              + "\(names[link.target]) from \(UTCInstant(microseconds: link.from))")
        }
        if link.to > longest.to { longest = link }
      }
    }
  }

  /// Circles of renames.
  private mutating func checkRenames() {
    var edges = noEdges
    for link in links where link.kind == .alias { edges[link.tenant].append(link.target) }
    let parts = StrongComponents(edges)
    steps += links.count + names.count
    let inside = inner(parts) { $0.kind == .alias }
    for (part, members) in parts.members.enumerated() {
      for moment in Set(inside[part].map(\.from)) {
        guard spend(members.count) else { return }
        let next = members.map { holding(aliases[$0], at: moment) }
        let places = Dictionary(
          uniqueKeysWithValues: members.enumerated().map { ($0.element, $0.offset) })
        let circles = StrongComponents(
          next.map { link in link.flatMap { places[$0.target] }.map { [$0] } ?? [] })
        for link in next {
          guard let link, let start = places[link.tenant], let end = places[link.target],
            circles.component[start] == circles.component[end]
          else { continue }
          noteCircle(link)
        }
      }
    }
  }

  /// Circles of parents, each end under the name of the moment.
  private mutating func checkFamilies() {
    var edges = noEdges
    for link in links {
      edges[link.tenant].append(link.target)
      if link.kind == .alias { edges[link.target].append(link.tenant) }
    }
    let parts = StrongComponents(edges)
    steps += 2 * links.count + names.count
    let inside = inner(parts) { _ in true }
    for (part, members) in parts.members.enumerated()
    where inside[part].contains(where: { $0.kind == .parent }) {
      for moment in Set(inside[part].map(\.from)) {
        guard spend(2 * members.count) else { return }
        noteFamilyCircles(members, at: moment)
      }
    }
  }

  private mutating func noteFamilyCircles(_ members: [Int], at moment: Int64) {
    let named = currentNames(of: members, at: moment)
    let held = members.compactMap { holding(parents[$0], at: moment) }
      .filter { named[$0.target] != nil }
    var places: [Int: Int] = [:]
    var edges: [[Int]] = []
    func place(_ tenant: Int) -> Int {
      let name = named[tenant] ?? tenant
      if let place = places[name] { return place }
      places[name] = edges.count
      edges.append([])
      return edges.count - 1
    }
    let ends = held.map { (link: $0, from: place($0.tenant), to: place($0.target)) }
    for end in ends { edges[end.from].append(end.to) }
    let circles = StrongComponents(edges)
    for end in ends where circles.component[end.from] == circles.component[end.to] {
      noteCircle(end.link)
    }
  }

  /// Two parents of one name, which differ under the names of the moment.
  private mutating func checkParents() {
    var edges = noEdges
    for link in links where link.kind == .alias {
      edges[link.tenant].append(link.target)
      edges[link.target].append(link.tenant)
    }
    let parts = StrongComponents(edges)
    steps += 2 * links.count + names.count
    let renames = inner(parts) { $0.kind == .alias }
    for (part, members) in parts.members.enumerated() where !renames[part].isEmpty {
      let owned = members.filter { !parents[$0].isEmpty }
      let held = owned.flatMap { links[parents[$0]] }
      let targets = Set(held.map(\.target))
      guard owned.count > 1, targets.count > 1 else { continue }
      var moments = Set((held + renames[part]).map(\.from))
      for other in Set(targets.map { parts.component[$0] }) {
        steps += renames[other].count
        moments.formUnion(renames[other].map(\.to).filter { $0 < .max })
      }
      for moment in moments {
        guard spend(members.count) else { return }
        noteParents(owned, currentNames(of: members, at: moment), at: moment)
      }
    }
  }

  private mutating func noteParents(_ owned: [Int], _ named: [Int: Int], at moment: Int64) {
    var first: [Int: (tenant: Int, target: Int)] = [:]
    for tenant in owned {
      guard let link = holding(parents[tenant], at: moment) else { continue }
      let name = named[tenant] ?? tenant
      let target = currentName(of: link.target, at: moment)
      guard let (other, otherTarget) = first[name] else {
        first[name] = (tenant, target)
        continue
      }
      if otherTarget != target {
        found.insert(
          "parent of \(names[name]): two hold at once under this name, \(names[otherTarget]) as of "
            + "\(names[other]) and \(names[target]) as of \(names[tenant])")
      }
    }
  }

  // MARK: What holds

  private var noEdges: [[Int]] { Array(repeating: [], count: names.count) }

  /// Of each component the links of some kind with both ends in it.
  private func inner(_ parts: StrongComponents, where matches: (Link) -> Bool) -> [[Link]] {
    var inner: [[Link]] = Array(repeating: [], count: parts.count)
    for link in links where matches(link) {
      let part = parts.component[link.tenant]
      if part == parts.component[link.target] { inner[part].append(link) }
    }
    return inner
  }

  /// Whether a look at so many tenants is still within the bound.
  private mutating func spend(_ lookups: Int) -> Bool {
    steps += lookups
    return steps <= Self.stepsMax
  }

  /// The one of a tenant's relations of a kind that holds.
  private func holding(_ range: Range<Int>, at moment: Int64) -> Link? {
    var low = range.lowerBound
    var high = range.upperBound
    while low < high {
      let middle = (low + high) / 2
      if links[middle].from <= moment { low = middle + 1 } else { high = middle }
    }
    guard low > range.lowerBound, links[low - 1].holds(at: moment) else { return nil }
    return links[low - 1]
  }

  /// Of each of some tenants, which renames do not lead out of, what it is called.
  private func currentNames(of members: [Int], at moment: Int64) -> [Int: Int] {
    var named: [Int: Int] = [:]
    for member in members where named[member] == nil {
      var path: [Int] = []
      var isOnPath: Set<Int> = []
      var name = member
      // Bound: a tenant that was met ends the way.
      while named[name] == nil, isOnPath.insert(name).inserted,
        let link = holding(aliases[name], at: moment)
      {
        path.append(name)
        name = link.target
      }
      let end = named[name] ?? name
      for passed in path { named[passed] = end }
      named[name] = end
    }
    return named
  }

  private mutating func currentName(of tenant: Int, at moment: Int64) -> Int {
    var name = tenant
    // Bound: no chain is longer than there are relations; a circle of renames was told before.
    for _ in links.indices {
      steps += 1
      guard steps <= Self.stepsMax, let link = holding(aliases[name], at: moment) else { break }
      name = link.target
    }
    return name
  }

  private mutating func noteCircle(_ link: Link) {
    found.insert(
      "\(link.kind.rawValue) of \(names[link.tenant]): \(names[link.target]) leads back to it")
  }
}
