import Accounting
import Testing

struct JSONTests {
  @Test(arguments: [
    #"{"a":[1,-2.5e+3,true,false,null],"b":"\"\\\n\u0001é𝄞"}"#, "[]", "{}", #""""#, "0",
  ])
  func `canonical text round-trips`(text: String) throws {
    #expect(try JSONValue(parsing: Array(text.utf8)).canonicalText == text)
  }

  @Test func `escapes are read and written one way`() throws {
    let value = try JSONValue(parsing: Array(#"  "\u00e9\ud834\udd1e\/\b\f" "#.utf8))

    #expect(value.asString == "é𝄞/\u{8}\u{c}")
    #expect(value.canonicalText == #""é𝄞/\b\f""#)
  }

  @Test(arguments: [
    "", "{", "[1,]", "{\"a\":1,}", "{\"a\":1,\"a\":2}", "{a:1}", "01", "1.", "-", "+1", ".5",
    "tru", "\"\\x\"", "\"\\ud834\"", "\"\\u12\"", "\"a", "\"\n\"", "1 2", "nul", "[1 2]", "1e",
    String(repeating: "[", count: 100),
  ])
  func `other texts are refused with an offset`(text: String) {
    #expect(throws: AccountingError.self) { try JSONValue(parsing: Array(text.utf8)) }
  }

  @Test func `text that is not UTF-8 is refused`() {
    #expect(throws: AccountingError.self) { try JSONValue(parsing: [0x22, 0xff, 0x22]) }
  }

  @Test(
    arguments: [
      (
        #"{"team":"data","bare":true,"n":1.50,"off":false,"none":null}"#,
        ["team": "data", "bare": "true", "n": "1.50", "off": "false", "none": ""]
      ),
      ("{}", [:]),
    ] as [(String, [String: String])])
  func `tags are a flat map of texts`(text: String, tags: [String: String]) throws {
    #expect(try TagText.parse(text) == tags)
    #expect(try TagText.parse(TagText.format(tags)) == tags)
  }

  @Test(arguments: ["[]", "1", #"{"a":{}}"#, #"{"a":[]}"#, "a=b"])
  func `tags that are not flat are refused`(text: String) {
    #expect(throws: AccountingError.self) { try TagText.parse(text) }
  }
}
