import Glibc

/// Chooses among the usable addresses of an upstream, by the worker's own counts. Pure but for the counts it reads.
struct Balancer {
  private let kind: Balancing
  private var members: [UpstreamMember] = []
  /// Effective weights, in the members' order; all equal when `isEven`.
  private var weights: [Int] = []
  private var totalWeight = 0
  private var isEven = true
  private var cursor: Int
  /// Of smooth weighted round robin: what each member is owed.
  private var owed: [Int] = []
  private var random: UInt64

  /// Members of full weight have `weight * weightScale` here: a ramp needs finer steps than a weight of 1.
  static let weightScale = 64

  init(_ kind: Balancing, first: Int, seed: UInt64) {
    self.kind = kind
    cursor = first
    random = seed
  }

  /// Takes over who may be chosen, and with which effective weights.
  mutating func update(_ members: [UpstreamMember], weights: [Int]) {
    self.members = members
    self.weights = weights
    totalWeight = weights.reduce(0, +)
    isEven = weights.allSatisfy { $0 == weights.first }
    owed = isEven ? [] : weights.map { _ in 0 }
  }

  /// The address of a request, nil when there is none. `key` is the tenant's hash, 0 for none; members in
  /// `tried` are taken only when no other is left.
  mutating func choose(key: UInt64, avoiding tried: UInt64) -> UpstreamMember? {
    guard members.count > 1 else { return members.first }
    if tried != 0 && members.allSatisfy({ $0.bit & tried != 0 }) { return choose(key, 0) }
    return choose(key, tried)
  }

  private mutating func choose(_ key: UInt64, _ tried: UInt64) -> UpstreamMember {
    switch kind {
    case .roundRobin: isEven ? next(tried) : nextByWeight(tried)
    case .leastOutstanding: tried == 0 ? lesserOfTwo() : least(tried)
    case .hashTenant:
      key == 0 ? (tried == 0 ? lesserOfTwo() : least(tried)) : highest(key, tried)
    }
  }

  private mutating func next(_ tried: UInt64) -> UpstreamMember {
    // Bound: one of the members is not tried.
    while true {
      cursor = cursor >= members.count - 1 ? 0 : cursor + 1
      if members[cursor].bit & tried == 0 { return members[cursor] }
    }
  }

  /// Smooth weighted round robin, as nginx has it: no member gets its share in one run.
  private mutating func nextByWeight(_ tried: UInt64) -> UpstreamMember {
    var best = -1
    for index in members.indices {
      owed[index] += weights[index]
      if members[index].bit & tried == 0 && (best < 0 || owed[index] > owed[best]) { best = index }
    }
    owed[best] -= totalWeight
    return members[best]
  }

  private mutating func lesserOfTwo() -> UpstreamMember {
    let first = draw(excluding: nil)
    let second = draw(excluding: first)
    // A tie goes to the first: without load the shares are those of the weights.
    return isLess(second, first) ? members[second] : members[first]
  }

  /// Whether a member has fewer outstanding requests for its weight than another.
  private func isLess(_ one: Int, _ other: Int) -> Bool {
    members[one].outstanding * weights[other] < members[other].outstanding * weights[one]
  }

  /// A member at random, by weight.
  private mutating func draw(excluding other: Int?) -> Int {
    if isEven {
      let drawn = below(members.count - (other == nil ? 0 : 1))
      guard let other, drawn >= other else { return drawn }
      return drawn + 1
    }
    var rest = below(totalWeight - (other.map { weights[$0] } ?? 0))
    for index in members.indices where index != other {
      if rest < weights[index] { return index }
      rest -= weights[index]
    }
    return 0
  }

  /// The member with the fewest outstanding requests among those not tried, from a random one on.
  private mutating func least(_ tried: UInt64) -> UpstreamMember {
    let start = below(members.count)
    var best = -1
    for step in members.indices {
      let index = (start + step) % members.count
      guard members[index].bit & tried == 0 else { continue }
      if best < 0 || isLess(index, best) { best = index }
    }
    return members[best]
  }

  /// Rendezvous hashing (Thaler and Ravishankar, 1998): the highest score of key and member wins, so that a
  /// member that goes moves only its own keys. Weighted as -w / ln(u).
  private func highest(_ key: UInt64, _ tried: UInt64) -> UpstreamMember {
    var best = -1
    var bestHash: UInt64 = 0
    var bestScore = -Double.infinity
    for index in members.indices where members[index].bit & tried == 0 {
      let hash = StableHash.mix(key ^ members[index].hash)
      if isEven {
        guard best < 0 || hash > bestHash else { continue }
        bestHash = hash
      } else {
        let uniform = (Double(hash >> 11) + 0.5) * 0x1p-53
        let score = -Double(weights[index]) / log(uniform)
        guard best < 0 || score > bestScore else { continue }
        bestScore = score
      }
      best = index
    }
    return members[best]
  }

  /// A random number from 0 to `bound` - 1.
  private mutating func below(_ bound: Int) -> Int {
    random &+= 0x9E37_79B9_7F4A_7C15
    return Int(StableHash.mix(random).multipliedFullWidth(by: UInt64(bound)).high)
  }
}
