/// All sessions of a run, made from a seed before the first byte is sent.
struct TrafficPlan: Sendable {
  /// The sessions in the order in which threads take them.
  let sessions: [Session]

  /// How many requests the plan makes.
  var requests: Int { sessions.reduce(0) { $0 + $1.steps.reduce(0) { $0 + $1.requests } } }

  /// The shapes that tenants take in turn; one in twenty is a twentieth of the tenants.
  private static let shapes = [
    "chatty", "download", "upload", "cpu", "stream", "mixed", "chatty", "tunnel", "download",
    "upload", "cpu", "chatty", "mixed", "stream", "download", "upload", "cpu", "tunnel", "chatty",
    "mixed",
  ]

  /// Plans for `tenants` named tenants, and for requests without a tenant or with an invalid one.
  init(tenants: Int, seed: UInt64, scale: Double) {
    precondition(tenants > 0 && scale > 0, "a plan needs tenants and a scale")
    var maker = SessionMaker(generator: SplitMix64(seed: seed), scale: scale)
    var sessions: [Session] = []
    for index in 0..<tenants {
      let id = Self.name(index)
      let identity: Identity = index % 9 == 4 ? .hostLabel(id) : .header(id)
      let shape = Self.shapes[index % Self.shapes.count]
      sessions += maker.sessions(identity, shape: shape)
    }
    sessions += maker.sessions(.none, shape: "chatty")
    sessions += maker.sessions(.none, shape: "mixed")
    for value in Self.invalidIDs { sessions += maker.sessions(.invalid(value), shape: "few") }
    sessions.shuffle(using: &maker.generator)
    self.sessions = sessions
  }

  /// Header values that are no tenant ids: white space, 200 bytes, a reserved beginning, a character outside the set.
  private static let invalidIDs = [
    "no spaces allowed", String(repeating: "x", count: 200), "~overflow", "semi;colon",
  ]

  /// A readable id, different for every index, that is also a host label.
  static func name(_ index: Int) -> String {
    let first = [
      "amber", "birch", "cobalt", "delta", "ember", "fjord", "granite", "harbor", "iris",
      "juniper", "kestrel", "lumen", "maple", "north", "opal", "pine", "quartz", "river", "sable",
      "tidal",
    ]
    let second = [
      "analytics", "bikes", "clinic", "foods", "games", "legal", "media", "pay", "retail", "travel",
    ]
    let row = index / first.count
    let name = "\(first[index % first.count])-\(second[(index + row) % second.count])"
    return row < second.count ? name : "\(name)-\(row / second.count)"
  }
}

/// Draws the sessions of one tenant after another from one generator.
private struct SessionMaker {
  var generator: SplitMix64
  let scale: Double

  /// Tenants of one shape differ in weight: most are small, a few are ten times as large.
  private mutating func weight() -> Int { [1, 1, 1, 2, 2, 4, 10][generator.number(0...6)] }

  private func scaled(_ value: Int) -> Int { max(1, Int(Double(value) * scale)) }

  mutating func sessions(_ identity: Identity, shape: String) -> [Session] {
    let weight = weight()
    let steps: [Step]
    switch shape {
    case "chatty": steps = items(scaled(80 * weight))
    case "download": steps = (0..<1 + weight / 2).map { _ in download(1_200_000) }
    case "upload": steps = (0..<1 + weight / 2).map { _ in upload(600_000) }
    case "cpu": steps = (0..<scaled(4 * weight)).map { _ in .work(milliseconds: number(1...12)) }
    case "stream": steps = [stream(), stream()]
    case "tunnel": return (0..<2).map { _ in Session(identity, shape, items(2) + [tunnel()]) }
    case "few": steps = items(6) + [upload(2_000)]
    default:
      steps =
        items(scaled(5 * weight)) + [download(60_000), upload(60_000), .work(milliseconds: 3)]
    }
    // Two connections of one tenant at once, when there is enough to do.
    guard steps.count > 8 else { return [Session(identity, shape, steps)] }
    let half = steps.count / 2
    return [
      Session(identity, shape, Array(steps[..<half])),
      Session(identity, shape, Array(steps[half...])),
    ]
  }

  private mutating func number(_ range: ClosedRange<Int>) -> Int { generator.number(range) }

  private mutating func items(_ count: Int) -> [Step] {
    var steps: [Step] = []
    var rest = count
    while rest > 0 {
      let pipelined = generator.oneIn(6) ? min(4, rest) : 1
      steps.append(.items(method: generator.oneIn(10) ? "HEAD" : "GET", pipelined: pipelined))
      rest -= pipelined
    }
    return steps
  }

  private mutating func download(_ typical: Int) -> Step {
    .download(bytes: scaled(number(typical / 4...typical * 4)))
  }

  private mutating func upload(_ typical: Int) -> Step {
    let bytes = scaled(number(typical / 4...typical * 4))
    if generator.oneIn(2) { return .chunkedUpload(bytes: bytes, chunkMax: number(500...40_000)) }
    return .upload(bytes: bytes, expects: generator.oneIn(3))
  }

  private mutating func stream() -> Step {
    .stream(
      chunks: number(8...25), bytes: number(100...4_000), pauseMilliseconds: number(20...60),
      trailers: generator.oneIn(2))
  }

  private mutating func tunnel() -> Step {
    .tunnel(
      rounds: number(5...25), bytes: number(40...4_000), pauseMilliseconds: number(5...30))
  }
}

extension Session {
  /// A session in short.
  fileprivate init(_ identity: Identity, _ shape: String, _ steps: [Step]) {
    self.init(identity: identity, shape: shape, steps: steps)
  }
}
