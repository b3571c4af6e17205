/// The parts of a directed graph within which every node leads to every other: only there can a
/// circle be (Tarjan 1972, without recursion). Linear in nodes and edges.
struct StrongComponents {
  /// Of each node the number of its component.
  let component: [Int]
  /// How many components there are.
  let count: Int

  /// The components of the graph in which node n leads to the nodes `edges[n]`.
  init(_ edges: [[Int]]) {
    var search = Search(edges)
    for root in edges.indices where search.order[root] < 0 { search.visit(from: root) }
    component = search.component
    count = search.count
  }

  /// The nodes of each component.
  var members: [[Int]] {
    var members: [[Int]] = Array(repeating: [], count: count)
    for (node, number) in component.enumerated() { members[number].append(node) }
    return members
  }

  private struct Search {
    let edges: [[Int]]
    /// When each node was met; -1 before.
    var order: [Int]
    /// The earliest node that a node is known to lead to.
    var lowest: [Int]
    /// The component of each node; -1 while it is not known.
    var component: [Int]
    var count = 0
    private var met = 0
    /// Nodes whose component is not known yet, in the order in which they were met.
    private var open: [Int] = []

    init(_ edges: [[Int]]) {
      self.edges = edges
      order = Array(repeating: -1, count: edges.count)
      lowest = order
      component = order
    }

    mutating func visit(from root: Int) {
      var frames = [(node: root, edge: 0)]
      meet(root)
      // Bound: each node is met once, and each of its edges looked at once.
      while let (node, edge) = frames.popLast() {
        if edge < edges[node].count {
          frames.append((node, edge + 1))
          let target = edges[node][edge]
          if order[target] < 0 {
            meet(target)
            frames.append((target, 0))
          } else if component[target] < 0 {
            lowest[node] = min(lowest[node], order[target])
          }
          continue
        }
        if lowest[node] == order[node] { settle(node) }
        if let before = frames.last?.node { lowest[before] = min(lowest[before], lowest[node]) }
      }
    }

    private mutating func meet(_ node: Int) {
      order[node] = met
      lowest[node] = met
      met += 1
      open.append(node)
    }

    private mutating func settle(_ node: Int) {
      while let last = open.popLast() {
        component[last] = count
        if last == node { break }
      }
      count += 1
    }
  }
}
