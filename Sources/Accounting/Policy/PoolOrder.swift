/// The order in which pools are allocated, and whether what they refer to fits it.
///
/// A pool that is spread by earlier pools, or follows their rows, can only read what is already
/// allocated. So a reference to a later pool is a fault, and so is a circle, which no order could
/// mend; both are named in words.
struct PoolOrder {
  /// The pools in the order of the document.
  let pools: [PolicyPool]
  /// Their nodes, aligned.
  let nodes: [PolicyNode]

  /// The order of the document, or the one that `order` gives; notes faults of either.
  func settle(_ node: PolicyNode?, _ reader: inout PolicyReader) -> [String] {
    let names = pools.map(\.name)
    guard let node else {
      check(names, isStated: false, &reader)
      return names
    }
    guard let stated = reader.texts(node, "order") else { return names }
    var isComplete = true
    for (index, name) in stated.enumerated() {
      if !names.contains(name) {
        reader.fail("order[\(index)]", node, "there is no pool \"\(name)\"")
        isComplete = false
      } else if stated[..<index].contains(name) {
        reader.fail("order[\(index)]", node, "\"\(name)\" stands twice")
        isComplete = false
      }
    }
    for name in names where !stated.contains(name) {
      reader.fail("order", node, "the pool \"\(name)\" is missing")
      isComplete = false
    }
    if isComplete { check(stated, isStated: true, &reader) }
    return stated
  }

  private func check(_ order: [String], isStated: Bool, _ reader: inout PolicyReader) {
    let circle = circle()
    for (index, pool) in pools.enumerated() {
      guard let of = pool.method.references else { continue }
      let path = "pools[\(index)].method"
      let place = order.firstIndex(of: pool.name) ?? 0
      guard let names = of.names else {
        if place == 0 { reader.fail(path, nodes[index], "no pool is allocated before it") }
        continue
      }
      for (position, name) in names.enumerated() {
        let spot = "\(path).of[\(position)]"
        guard let other = order.firstIndex(of: name) else {
          reader.fail(spot, nodes[index], "there is no pool \"\(name)\"")
          continue
        }
        if name == pool.name {
          reader.fail(spot, nodes[index], "a pool cannot be spread by itself")
        } else if of.isFollowing, pools.contains(where: { $0.name == name && $0.isFollowing }) {
          reader.fail(spot, nodes[index], "\"\(name)\" follows other rows itself")
        } else if let circle, circle.contains(pool.name), circle.contains(name) {
          let text = (circle + circle.prefix(1)).joined(separator: " needs ")
          reader.fail(spot, nodes[index], "no order can serve this circle: \(text)")
        } else if other > place {
          let hint =
            isStated
            ? "put it before \"\(pool.name)\" in order"
            : "move it up, or give the order of allocation under order"
          reader.fail(spot, nodes[index], "\"\(name)\" is allocated later; \(hint)")
        }
      }
    }
  }

  /// Pools that need each other in a circle, from the first of the document on; `nil` without one.
  private func circle() -> [String]? {
    var needs: [String: [String]] = [:]
    for pool in pools { needs[pool.name] = pool.method.references?.names ?? [] }
    for pool in pools {
      var path = [pool.name]
      // Bound: a simple path has at most as many steps as there are pools.
      if walk(from: pool.name, to: pool.name, needs, &path) { return path }
    }
    return nil
  }

  private func walk(
    from name: String, to goal: String, _ needs: [String: [String]], _ path: inout [String]
  ) -> Bool {
    var seen: Set<String> = [name]
    var stack: [(name: String, path: [String])] = [(name, path)]
    while let (current, way) = stack.popLast() {
      for next in needs[current] ?? [] {
        if next == goal, way.count > 1 {
          path = way
          return true
        }
        if seen.insert(next).inserted { stack.append((next, way + [next])) }
      }
    }
    return false
  }
}

extension PolicyPool {
  /// Whether its rows follow rows of other pools.
  var isFollowing: Bool {
    if case .follow = method { true } else { false }
  }
}

extension PoolMethod {
  /// The pools that the method reads; `nil` when it reads none.
  var references: (names: [String]?, isFollowing: Bool)? {
    switch self {
    case .overhead(let rule): (rule.of, false)
    case .follow(let rule): (rule.of, true)
    case .direct, .proportional, .even, .fixed, .tiered, .keep: nil
    }
  }
}
