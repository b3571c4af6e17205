import TestSupport
import Testing

@testable import Shipping

struct SmallPartsTests {
  @Test(
    arguments: [
      ("{}", [:]), (" { } ", [:]), ("{\"a\":\"b\"}", ["a": .string("b")]),
      ("{\"a\":0,\"b\":18446744073709551615}", ["a": .number(0), "b": .number(.max)]),
      ("{\"a\":true,\"b\":false,\"c\":null}", ["a": .bool(true), "b": .bool(false), "c": .null]),
      ("{\"a\":[],\"b\":[\"x\", \"y\"]}", ["a": .strings([]), "b": .strings(["x", "y"])]),
      ("{\"\\u0041\\n\":\"\\ud83d\\ude00\\\"\"}", ["A\n": .string("😀\"")]),
    ] as [(String, [String: FlatJSON.Value])])
  func `a flat object is read`(text: String, members: [String: FlatJSON.Value]) throws {
    #expect(try FlatJSON(Array(text.utf8)).members == members)
  }

  @Test(arguments: [
    "", "{", "}", "[]", "\"a\"", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{,}", "{\"a\":1}x",
    "{\"a\":01}", "{\"a\":-1}", "{\"a\":1.5}", "{\"a\":1e3}", "{\"a\":18446744073709551616}",
    "{\"a\":{}}", "{\"a\":[1]}", "{\"a\":[\"x\",]}", "{\"a\":1,\"a\":2}", "{\"a\":\"\n\"}",
    "{\"a\":\"\\x\"}", "{\"a\":\"\\ud83d\"}", "{\"a\":\"\\udc00\"}", "{\"a\":\"x}", "{'a':1}",
    "{\"a\":tru}", "{\"a\":nul", "{\"a\":\"\\u00g0\"}", "{\"a\" 1}",
  ])
  func `anything else is refused`(text: String) {
    #expect(throws: FlatJSON.Fault.self) { try FlatJSON(Array(text.utf8)) }
  }

  @Test func `bytes that are not UTF-8 are refused`() {
    #expect(throws: FlatJSON.Fault.self) {
      try FlatJSON(Array("{\"a\":\"".utf8) + [0xC3, 0x28] + Array("\"}".utf8))
    }
  }

  @Test func `pauses lie below a bound that doubles up to the longest`() {
    let seed = TestSeed()
    var random = seed.generator
    var pause = RetryPause(baseMilliseconds: 200, maxMilliseconds: 30_000)
    var longest: UInt64 = 0

    for failure in 0..<100 {
      let bound = min(30_000, 200 * (UInt64(1) << UInt64(min(failure, 20))))
      let next = pause.next(using: &random)
      #expect(next <= bound, "\(seed)")
      longest = max(longest, next)
    }

    #expect(longest > 15_000, "\(seed)")
    pause.reset()
    #expect(pause.next(using: &random) <= 200, "\(seed)")
  }

  @Test func `a failure that only a person can end is a failure in the row`() {
    var pause = RetryPause(baseMilliseconds: 200, maxMilliseconds: 30_000)

    let milliseconds = pause.slow()

    #expect(milliseconds == 30_000)
    #expect(pause.failures == 1)
  }

  @Test func `all faults of a configuration are named at once`() throws {
    var configuration = ShippingConfiguration(
      allocatorURL: "allocator:8443", tokenFile: "", spoolDirectory: "/s")
    try ShippingConfiguration(
      allocatorURL: "https://a", tokenFile: "/t", spoolDirectory: "/s"
    ).validate()
    configuration.spoolDirectory = ""
    configuration.spoolBytesMax = 0
    configuration.retryMaxMilliseconds = 1
    configuration.acknowledgedRetentionSeconds = -1
    configuration.drainTimeoutMilliseconds = -1

    let error = #expect(throws: ShippingError.self) { try configuration.validate() }

    for name in [
      "allocatorURL", "tokenFile", "spoolDirectory", "spoolBytesMax", "retryMaxMilliseconds",
      "acknowledgedRetentionSeconds", "drainTimeoutMilliseconds",
    ] {
      #expect(error?.description.contains(name) == true)
    }
  }
}
