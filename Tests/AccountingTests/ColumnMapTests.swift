import Accounting
import Testing

struct ColumnMapTests {
  private func faults(_ text: String) throws -> [String] {
    do {
      _ = try ColumnMap.decode(PolicyText.node(JSONValue(parsing: Array(text.utf8))))
      return []
    } catch let error as DocumentFaults {
      return error.faults
    }
  }

  @Test func `a map with many faults names them all`() throws {
    let found = try faults(
      """
      {"version":2,"name":"a b","colour":"red","delimiter":"dot","fields":{"servce":"S"},
       "costs":{"effective":[]},"currency":{"constant":"XQQ"},
       "billing_period":{"month":"M","day":"D"},"tags":[{"column":"T","format":"xml"}],
       "kinds":{"column":"K","values":{"a":{"category":"Gift"}}}}
      """)
    for part in [
      "version", "name", "colour", "delimiter", "fields.servce", "costs.billed",
      "currency.constant", "billing_period", "tags[0].format", "kinds.values.a.category",
      "fields.service",
    ] {
      #expect(found.contains { $0.hasPrefix(part + ":") }, "\(part): \(found)")
    }
  }

  @Test func `rows of a mapped file that break a rule are named with their column`() throws {
    let text = """
      {"version":1,"name":"m","fields":{"service":"S"},"costs":{"billed":"C"},
       "currency":{"column":"Cur"},"billing_period":{"month":"M"},
       "kinds":{"column":"K","values":{"u":{"category":"Usage"},"x":{"skip":true}}}}
      """
    let map = try ColumnMap.decode(PolicyText.node(JSONValue(parsing: Array(text.utf8))))
    let file = """
      S,C,Cur,M,K
      a,1.5,USD,2026-10,u
      a,,USD,2026-10,u
      a,1,usd,2026-10,u
      a,1,USD,October,u
      a,1,USD,2026-10,z
      ,1,USD,2026-10,u
      a,9,USD,2026-10,x
      a,1
      """
    let reading = try FocusReading(Array(file.utf8), choice: CostFileChoice(map: map))

    #expect(reading.records.map(\.line) == [2])
    #expect(reading.totals.skippedRows == 1)
    #expect(reading.faults.map(\.line) == [3, 4, 5, 6, 7, 9])
    #expect(
      reading.faults.map { $0.problems[0].column } == ["C", "Cur", "M", "K", "S", nil])
    #expect(reading.totals.rows == 8)
  }

  @Test func `a file without the columns of its map is refused with their names`() throws {
    #expect(
      throws: AccountingError.unreadableCosts(
        reason: "missing columns of aws-cur-2: line_item_unblended_cost, line_item_currency_code")
    ) {
      let header = """
        line_item_line_item_type,line_item_usage_start_date,line_item_usage_end_date,\
        bill_billing_period_start_date,bill_billing_period_end_date,line_item_product_code,\
        bill_payer_account_id\n
        """
      _ = try FocusReading(Array(header.utf8), choice: CostFileChoice(format: .awsCUR2))
    }
  }

  @Test(arguments: [
    #"{"a":"b"}"#, #"{ "a" : "b" , "c":"" }"#, #"{"a":"b","a":"c"}"#, #"{"a":1}"#, #"{}"#,
    #"{"a"}"#,
    #"{"a":"b",}"#, #"{"a":"b"} x"#, #"{"ä":"b"}"#, #"{"a":"\u0041\n"}"#, #"{"a":"b""#, "{",
    #"{"a":true}"#, #"{"a":null,"b":"c"}"#, #"{"a":"b"}}"#,
  ])
  func `tags of a FOCUS row read the same by either way`(text: String) throws {
    let focus = FocusText()
    let reading = try FocusReading(focus.header + focus.row(["Tags": text]))

    #expect(reading.records.first?.tags == (try? TagText.parse(text)))
    #expect(reading.faults.count == ((try? TagText.parse(text)) == nil ? 1 : 0))
  }

  @Test(arguments: ["PAR1abc", "{\"a\":1}", "[1]", "   \n"])
  func `files of no known form are refused`(file: String) {
    #expect {
      _ = try FocusReading(Array(file.utf8))
    } throws: { error in
      guard case .unreadableCosts = error as? AccountingError else { return false }
      return true
    }
  }
}
