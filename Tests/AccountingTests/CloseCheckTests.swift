import Accounting
import Testing

struct CloseCheckTests {
  private static func ready() throws -> CloseInput {
    let policy = try PolicyText.decode(
      """
      {"version":1,"name":"p","currency":"USD","externals":["gb"],"pools":[
        {"name":"cpu","method":{"kind":"proportional","drivers":[{"external":"gb"}]}}]}
      """)
    var input = CloseInput(
      period: Fixtures.october, state: .open, now: Fixtures.october.end,
      coverage: Coverage([
        ProxyCoverage(instance: "p1", batches: 1, from: nil, to: nil, holes: [])
      ]))
    input.policy = policy
    input.costs = try CostPooling.pool(
      [Fixtures.record("1")], policy: policy, period: Fixtures.october)
    input.loadedSeries = ["gb"]
    return input
  }

  @Test func `nothing is in the way of a period that is ready`() throws {
    #expect(CloseCheck.blockers(try Self.ready()) == [])
  }

  @Test func `each thing in the way is named with its own code`() throws {
    var input = try Self.ready()
    input.state = .closed
    input.now = Fixtures.october.start
    input.coverage = Coverage([Self.holed])
    input.conflictingBatches = 2
    input.loadedSeries = []
    input.quarantinedRows = 3
    input.costs = try CostPooling.pool(
      [Fixtures.record("1", currency: "EUR")], policy: try #require(input.policy),
      period: Fixtures.october)

    #expect(
      CloseCheck.blockers(input).map(\.code) == [
        "period-closed", "period-not-over", "coverage-hole", "batch-conflict", "series-missing",
        "rows-quarantined", "foreign-currency",
      ])
  }

  @Test(arguments: [
    ([["tokens"], [], [], []], false), ([[], [], [], []], false),
    ([["images"], [], [], []], true), ([["images", "tokens"], [], [], []], true),
    ([["tokens"], ["tokens"], [], []], true), ([["images"], ["tokens"], [], []], false),
    ([["images", "tokens"], ["tokens"], [], []], true),
    ([["tokens"], ["a", "b"], [], []], false),
  ])
  func `a unit that usage does not have under its one name is in the way`(
    _ declared: [[String]], _ isBlocked: Bool
  ) throws {
    var input = try Self.ready()
    input.policy = try PolicyText.decode(
      """
      {"version":1,"name":"p","currency":"USD","units":["tokens","spare"],"pools":[
        {"name":"ai","method":{"kind":"proportional","drivers":[{"quantity":"tokens"}]}}]}
      """)
    input.declaredUnits = declared

    let blockers = CloseCheck.blockers(input)
    #expect(blockers.map(\.code) == (isBlocked ? ["unit-unknown"] : []), "\(blockers)")
  }

  @Test func `a position's own name serves as a unit until the proxies name it`() throws {
    var input = try Self.ready()
    input.policy = try PolicyText.decode(
      """
      {"version":1,"name":"p","currency":"USD","units":["units_1"],"pools":[
        {"name":"ai","method":{"kind":"proportional","drivers":[{"quantity":"units_1"}]}}]}
      """)
    input.declaredUnits = [["tokens"], [], [], []]
    #expect(CloseCheck.blockers(input) == [])

    input.declaredUnits = [["tokens"], ["images"], [], []]
    #expect(CloseCheck.blockers(input).map(\.code) == ["unit-unknown"])
  }

  private static let holed = ProxyCoverage(
    instance: "p1", batches: 1, from: nil, to: nil,
    holes: [
      CoverageHole(from: Fixtures.october.start, to: Fixtures.october.end, reason: "silent")
    ])

  @Test func `a hole that the operator waived is not in the way`() throws {
    var input = try Self.ready()
    input.coverage = Coverage([Self.holed])
    #expect(CloseCheck.blockers(input).map(\.code) == ["coverage-hole"])

    input.waivedInstances = ["p1"]
    #expect(CloseCheck.blockers(input) == [])
  }

  @Test func `a period without costs or policy cannot close`() throws {
    var input = try Self.ready()
    input.costs = try CostPooling.pool(
      [], policy: try #require(input.policy), period: Fixtures.october)
    #expect(CloseCheck.blockers(input).map(\.code) == ["costs-missing"])

    input.policy = nil
    input.costs = nil
    #expect(CloseCheck.blockers(input).map(\.code) == ["policy-missing"])

    let fault = PolicyFault(path: "pools", line: 4, reason: "is missing")
    input.policyFaults = [fault]
    #expect(
      CloseCheck.blockers(input).map(\.message) == ["pools: is missing (line 4)"])
  }

  @Test func `an unexplained difference and an unsettled split are in the way`() throws {
    var origin = Fixtures.record("10")
    origin[.resource] = "r"
    var split = Fixtures.record("7")
    split[.resource] = "r"
    split[.allocatedMethod] = "m"
    let policy = try PolicyText.decode(
      """
      {"version":1,"name":"p","currency":"USD","pools":[{"name":"a","method":{"kind":"keep"}}]}
      """)
    let close = try Close([origin, split], policy: policy, usage: UsageFigures())
    var input = try Self.ready()
    input.policy = policy
    input.costs = close.costs
    input.bridge = close.bridge

    #expect(CloseCheck.blockers(input).map(\.code) == ["split-unsettled", "not-tied-out"])
  }
}
