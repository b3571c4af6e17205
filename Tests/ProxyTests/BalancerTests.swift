import Platform
import TestSupport
import Testing

@testable import Proxy

/// The choice of an address, without sockets.
@Suite struct BalancerTests {
  static func members(_ count: Int, weights: [Int]? = nil) -> [UpstreamMember] {
    (0..<count).map { index in
      let endpoint = Endpoint("10.0.0.\(index + 1):80")!
      return UpstreamMember(
        UpstreamSeat(
          endpoint: endpoint, weight: weights?[index] ?? 1, health: AddressHealth()), id: index)
    }
  }

  static func balancer(_ kind: Balancing, _ members: [UpstreamMember]) -> Balancer {
    var balancer = Balancer(kind, first: 0, seed: 42)
    balancer.update(members, weights: members.map { $0.weight * Balancer.weightScale })
    return balancer
  }

  /// How often each member is chosen in `count` choices without load.
  static func shares(
    _ kind: Balancing, _ members: [UpstreamMember], count: Int, key: (Int) -> UInt64 = { _ in 0 }
  ) -> [Int] {
    var balancer = balancer(kind, members)
    var shares = [Int](repeating: 0, count: members.count)
    for index in 0..<count {
      shares[balancer.choose(key: key(index), avoiding: 0)!.id] += 1
    }
    return shares
  }

  @Test(arguments: [[1, 1, 1], [5, 3, 2], [1, 1000, 9]])
  func `round robin gives each address its exact share`(weights: [Int]) {
    let members = Self.members(3, weights: weights)
    let total = weights.reduce(0, +)

    #expect(Self.shares(.roundRobin, members, count: total * 3) == weights.map { $0 * 3 })
  }

  @Test func `weighted round robin spreads the turns of a heavy address`() {
    let members = Self.members(3, weights: [5, 1, 1])
    var balancer = Self.balancer(.roundRobin, members)

    let turns = (0..<7).map { _ in balancer.choose(key: 0, avoiding: 0)!.id }

    #expect(turns == [0, 0, 1, 0, 2, 0, 0])
  }

  @Test(arguments: [[1, 1, 1, 1], [4, 2, 1, 1]])
  func `two choices without load follow the weights`(weights: [Int]) {
    let count = 40_000
    let shares = Self.shares(.leastOutstanding, Self.members(4, weights: weights), count: count)
    let total = weights.reduce(0, +)

    for (share, weight) in zip(shares, weights) {
      let expected = count * weight / total
      #expect(abs(share - expected) < expected / 10, "\(shares)")
    }
  }

  @Test func `the most loaded address of all is never chosen`() {
    let members = Self.members(5)
    for (index, member) in members.enumerated() { member.outstanding = index == 3 ? 9 : index }

    let shares = Self.shares(.leastOutstanding, members, count: 5_000)

    #expect(shares[3] == 0)
    #expect(shares[0] > shares[1] && shares[1] > shares[2] && shares[2] > shares[4])
  }

  @Test func `outstanding requests stay even when every choice adds one`() {
    let members = Self.members(8)
    var balancer = Self.balancer(.leastOutstanding, members)

    for _ in 0..<8_000 { balancer.choose(key: 0, avoiding: 0)!.outstanding += 1 }

    let counts = members.map(\.outstanding)
    #expect(counts.max()! - counts.min()! <= 10, "\(counts)")
  }

  @Test(arguments: [[1, 1, 1, 1, 1], [1, 2, 3, 4, 5]])
  func `hashing gives each address tenants by its weight`(weights: [Int]) {
    let members = Self.members(5, weights: weights)
    let count = 30_000
    let shares = Self.shares(.hashTenant, members, count: count) { StableHash.of("tenant-\($0)") }
    let total = weights.reduce(0, +)

    for (share, weight) in zip(shares, weights) {
      let expected = count * weight / total
      #expect(abs(share - expected) < expected / 8, "\(shares)")
    }
  }

  @Test(arguments: [[1, 1, 1, 1, 1, 1], [3, 1, 4, 1, 5, 9]])
  func `an address that goes moves only its own tenants`(weights: [Int]) {
    let members = Self.members(6, weights: weights)
    var whole = Self.balancer(.hashTenant, members)
    var rest = Self.balancer(.hashTenant, members.filter { $0.id != 2 })

    var moved = 0
    for index in 0..<5_000 {
      let key = StableHash.of("tenant-\(index)")
      let before = whole.choose(key: key, avoiding: 0)!.id
      let after = rest.choose(key: key, avoiding: 0)!.id
      if before == 2 { moved += 1 } else { #expect(before == after) }
    }
    #expect(moved > 0)
  }

  @Test func `a tenant keeps its address whatever the order and the load`() {
    let members = Self.members(4)
    var one = Self.balancer(.hashTenant, members)
    var other = Self.balancer(.hashTenant, members.reversed())
    members[0].outstanding = 1_000

    for index in 0..<200 {
      let key = StableHash.of("t\(index)")
      #expect(one.choose(key: key, avoiding: 0)!.id == other.choose(key: key, avoiding: 0)!.id)
    }
  }

  @Test(arguments: Balancing.allCases, [[1, 1, 1], [3, 2, 1]])
  func `what was tried comes last`(kind: Balancing, weights: [Int]) {
    let members = Self.members(3, weights: weights)
    var balancer = Self.balancer(kind, members)

    for key in [0, StableHash.of("acme")] {
      for _ in 0..<50 {
        #expect(balancer.choose(key: key, avoiding: 0b101)?.id == 1)
        #expect(balancer.choose(key: key, avoiding: 0b111) != nil)
      }
    }
  }

  @Test(arguments: Balancing.allCases)
  func `without addresses there is no choice`(kind: Balancing) {
    var balancer = Self.balancer(kind, [])

    #expect(balancer.choose(key: 7, avoiding: 0) == nil)
  }

  @Test func `the hash of an address is the same for ever`() {
    #expect(StableHash.of("10.0.0.1:80") == StableHash.of("10.0.0.1:80"))
    #expect(StableHash.of("10.0.0.1:80") == 0xDBBC_907F_2153_1A73)
  }
}
