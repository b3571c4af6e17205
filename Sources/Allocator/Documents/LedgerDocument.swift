public import Accounting
internal import Digest
public import Store

/// A verification of the ledger and the audit trail as JSON: the API's answer, and what `weir`
/// prints offline.
public enum LedgerDocument {
  /// Faults listed; the count is of all.
  private static let faultsShown = 200

  /// The document.
  public static func json(_ ledger: LedgerVerification, _ audit: AuditReport) -> JSONValue {
    let faults = ledger.faults + audit.faults.map { "audit: \($0)" }
    let balances = ledger.report.balances.map { balance in
      JSONValue.object([
        .init("account", .string(balance.account.text)),
        .init("balance", .string(balance.amount.text)),
        .init("currency", .string(balance.amount.currency.code)),
      ])
    }
    return .object([
      .init("sound", .bool(ledger.isSound && audit.isSound)),
      .init("entries", .integer(ledger.report.head.count)),
      .init("head", .string(ledger.report.head.hash.hex)),
      .init("audit_records", .integer(audit.records)),
      .init("fault_count", .integer(faults.count)),
      .init("faults", .array(faults.prefix(faultsShown).map { .string($0) })),
      .init("balances", .array(balances)),
    ])
  }
}
