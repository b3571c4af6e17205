import Testing

@testable import Accounting

struct TimeTests {
  @Test(
    arguments: [
      ("1970-01-01T00:00:00Z", 0), ("1969-12-31T23:59:59Z", -1_000_000),
      ("2026-10-01", 1_790_812_800_000_000), ("2024-02-29T12:00:00Z", 1_709_208_000_000_000),
      ("2026-10-01 00:00:00", 1_790_812_800_000_000),
      ("2026-10-01T00:00:00.5Z", 1_790_812_800_500_000),
      ("2026-10-01T00:00:00+00:00", 1_790_812_800_000_000),
    ] as [(String, Int64)])
  func `dates and times are read as UTC`(text: String, microseconds: Int64) throws {
    #expect(try UTCInstant(parsing: text).microseconds == microseconds)
  }

  @Test(arguments: [
    "", "2026-13-01", "2026-02-29", "2026-00-10", "2026-10-1", "2026-10-01T24:00:00Z",
    "2026-10-01T00:60:00Z", "2026-10-01T00:00Z", "2026-10-01T00:00:00+02:00",
    "2026-10-01T00:00:00.Z", "2026-10-01T00:00:00.1234567Z", "01/10/2026", "2026-10-01Z",
  ])
  func `other texts are no moment`(text: String) {
    #expect(throws: AccountingError.self) { try UTCInstant(parsing: text) }
  }

  @Test func `text round-trips for random moments`() throws {
    var random = SplitMix64(seed: Seed.value)
    for _ in 0..<2000 {
      let limit: Int64 = 60_000_000_000_000_000
      let instant = UTCInstant(microseconds: Int64.random(in: -limit...limit, using: &random))
      #expect(try UTCInstant(parsing: instant.description) == instant, Seed.comment)
    }
  }

  @Test func `periods cover every moment once`() throws {
    var period = Fixtures.period("1999-11")
    for _ in 0..<500 {
      #expect(period.end == period.next.start)
      #expect(period.next.previous == period)
      #expect(Period(containing: period.start) == period)
      #expect(Period(containing: UTCInstant(microseconds: period.end.microseconds - 1)) == period)
      #expect(try Period(parsing: period.description) == period)
      period = period.next
    }
  }

  @Test(arguments: ["", "2026", "2026-13", "2026-00", "2026-1", "26-10-1", "2026-+1", "2026/10"])
  func `other texts are no period`(text: String) {
    #expect(throws: AccountingError.self) { try Period(parsing: text) }
  }
}
