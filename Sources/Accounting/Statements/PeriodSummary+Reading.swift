extension PeriodSummary {
  /// The rows of a stored summary by account, for a restatement. Throws `malformedStatement`.
  public static func rows(canonicalJSON bytes: [UInt8]) throws(AccountingError) -> [Account: Row] {
    let value = try JSONValue(parsing: bytes)
    guard let code = value["currency"]?.asString, let elements = value["rows"]?.asArray else {
      throw .malformedStatement(reason: "a summary without rows")
    }
    let currency = try Currency.named(code)
    var rows: [Account: Row] = [:]
    for element in elements {
      guard let account = element["account"]?.asString, let amount = element["amount"]?.asString,
        let printed = element["printed"]?.asString
      else { throw .malformedStatement(reason: "a row of the summary lacks a member") }
      let minor = try Amount(parsing: printed).roundedToMicros() / currency.microsPerMinorUnit
      let row = Row(
        account: try Account(text: account), isRegistered: element["registered"] == .bool(true),
        amount: Money(micros: try Amount(parsing: amount).roundedToMicros(), currency: currency),
        printed: minor)
      rows[row.account] = row
    }
    return rows
  }
}
