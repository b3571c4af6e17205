import Accounting
import Testing

struct FocusVersionTests {
  private static let base = FocusText.columns12.filter { $0 != "InvoiceId" }

  @Test(arguments: [
    (base, FocusVersion.v10), (base + ["SkuMeter"], .v11), (base + ["ServiceSubcategory"], .v11),
    (base + ["InvoiceId"], .v12), (base + ["SkuMeter", "PricingCurrency"], .v12),
    (FocusText.columns13, .v13),
    (FocusText.columns13.filter { $0 != "ProviderName" && $0 != "PublisherName" }, .v14),
  ])
  func `the header tells the version`(columns: [String], version: FocusVersion) throws {
    let text = FocusText(columns: columns)
    let reading = try FocusReading(text.header + text.row())

    #expect(reading.version == version)
    #expect(reading.records.count == 1)
    #expect(reading.records[0][.provider] == "Cloud")
  }

  @Test func `columns may stand in any order and be joined by a provider's own`() throws {
    let text = FocusText(columns: FocusText.columns12.reversed() + ["x_CostCenter"])
    #expect(try FocusReading(text.header + text.row()).records.count == 1)
  }

  @Test func `missing mandatory columns are all named`() {
    let columns = FocusText.columns12.filter { $0 != "BilledCost" && $0 != "ServiceName" }
    #expect(
      throws: AccountingError.focusColumnsMissing(
        version: "1.2", columns: ["BilledCost", "ServiceName"])
    ) {
      try FocusReading(FocusText(columns: columns).header)
    }
  }

  @Test func `a 1-4 file without its provider columns names them`() {
    let columns = FocusText.columns13.filter {
      !["ProviderName", "PublisherName", "HostProviderName"].contains($0)
    }
    #expect(
      throws: AccountingError.focusColumnsMissing(version: "1.4", columns: ["HostProviderName"])
    ) {
      try FocusReading(FocusText(columns: columns).header)
    }
  }

  @Test(arguments: ["date,amount\n1,2\n", "\n", "", "\"", "BilledCost,BilledCost,ProviderName\n"])
  func `other files are refused as a whole`(file: String) {
    #expect {
      try FocusReading(file)
    } throws: { error in
      switch error as? AccountingError {
      case .notFocus, .unreadableCosts: true
      default: false
      }
    }
  }
}
