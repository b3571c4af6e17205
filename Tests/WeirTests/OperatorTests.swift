import Foundation
import Testing

@Suite struct OperatorTests {
  private let policy = """
    version: 1
    name: small
    currency: USD
    pools:
      - name: all
        match: {service: Compute}
        method: {kind: keep}
    """

  private let costs = """
    ProviderName,PublisherName,InvoiceIssuerName,BillingAccountId,BillingAccountName,\
    BillingPeriodStart,BillingPeriodEnd,ChargePeriodStart,ChargePeriodEnd,ChargeCategory,\
    ChargeClass,ChargeDescription,BilledCost,EffectiveCost,ListCost,ContractedCost,\
    BillingCurrency,PricingQuantity,PricingUnit,ServiceCategory,ServiceName
    C,C,C,1,,2020-02-01T00:00:00Z,2020-03-01T00:00:00Z,2020-02-01T00:00:00Z,\
    2020-02-02T00:00:00Z,Usage,,d,12.5,12.5,12.5,12.5,USD,1,h,Compute,Compute

    """

  @Test func `an operator takes a month from the first token to a verified ledger`() async throws {
    let allocator = try AllocatorProcess()
    try Data(policy.utf8).write(to: URL(fileURLWithPath: allocator.path("policy.yaml")))
    try Data(costs.utf8).write(to: URL(fileURLWithPath: allocator.path("costs.csv")))
    let store = allocator.path("state/weir.sqlite")

    let token = try await WeirProcess.run([
      "token", "create", "--role", "operator", "--store", store, "-o", allocator.path("token"),
    ])
    #expect(token.code == 0, "\(token.errors)")
    let imported = try await allocator.weir(
      "import", allocator.path("costs.csv"), "--source", "cloud")
    #expect(imported.output.contains("1 rows good, 0 in quarantine"), "\(imported.errors)")
    #expect(try await allocator.weir("close", "2020-02", "--dry-run").code == 1)
    #expect(try await allocator.weir("policy", "set", allocator.path("policy.yaml")).code == 0)
    let closed = try await allocator.weir("close", "2020-02", "--reason", "month end")
    #expect(closed.code == 0, "\(closed.errors)")
    #expect(closed.output.contains("platform:kept      12.500000"), "\(closed.output)")
    let reconciled = try await allocator.weir("reconcile", "--period", "2020-02")
    #expect(reconciled.output.hasSuffix("ties out: yes\n"))
    #expect(try await allocator.weir("close", "2020-02", "--reason", "again").code == 1)
    let verified = try await WeirProcess.run(["ledger", "verify", "--store", store])
    #expect(verified.output.contains("ledger sound: 1 entries"))
    #expect(try await allocator.weir("status").code == 0)
    #expect(allocator.stop() == 0)
  }

  @Test func `an operator loads rates, compares policies and asks why`() async throws {
    let allocator = try AllocatorProcess()
    let even = policy.replacingOccurrences(
      of: "{kind: keep}", with: #"{kind: fixed, percents: {acme: 40, "~kept": 60}}"#)
    let files = [
      "policy.yaml": policy, "even.yaml": even,
      "costs.csv": costs.replacingOccurrences(of: "USD", with: "EUR"),
      "rates.csv": "date,from,to,rate\n2020-02-01,EUR,USD,1.2\n",
      "names.csv": "kind,tenant,target,from,to\nalias,old,acme,2020-01-01,\n",
    ]
    for (name, text) in files {
      try Data(text.utf8).write(to: URL(fileURLWithPath: allocator.path(name)))
    }
    _ = try await WeirProcess.run([
      "token", "create", "--role", "operator", "--store", allocator.path("state/weir.sqlite"),
      "-o", allocator.path("token"),
    ])
    _ = try await allocator.weir("import", allocator.path("costs.csv"), "--source", "cloud")
    _ = try await allocator.weir("policy", "set", allocator.path("policy.yaml"))

    let rates = try await allocator.weir(
      "rates", "import", allocator.path("rates.csv"), "--source", "ecb")
    let names = try await allocator.weir("tenants", "history", allocator.path("names.csv"))
    let difference = try await allocator.weir(
      "policy", "diff", "current", allocator.path("even.yaml"), "--period", "2020-02")
    _ = try await allocator.weir("policy", "set", allocator.path("even.yaml"))
    let closed = try await allocator.weir("close", "2020-02", "--reason", "month end")
    let why = try await allocator.weir("why", "acme", "all", "--period", "2020-02")

    #expect(rates.output == "1 rates, stored\n", "\(rates.errors)")
    #expect(
      try await allocator.weir("rates", "list").output.contains("2020-02-01  EUR   USD   1.2"))
    #expect(names.output == "1 relations\n", "\(names.errors)")
    #expect(try await allocator.weir("tenants", "history").output.contains("alias  old"))
    #expect(
      difference.output.contains("tenant:acme     0.000000  6.000000   6.000000"),
      "\(difference.output) \(difference.errors)")
    #expect(closed.code == 0, "\(closed.errors)")
    #expect(why.code == 0, "\(why.errors)")
    #expect(why.output.hasPrefix("acme bears 6.000000 USD of all in 2020-02\n"), "\(why.output)")
    #expect(why.output.contains("12.5 EUR converted at 1.2 USD (table, ecb of 2020-02-01)"))
    #expect(why.output.contains("says 6.000000; the same: yes"))
    #expect(allocator.stop() == 0)
  }

  @Test func `a backup can be tried where its seals are`() async throws {
    let allocator = try AllocatorProcess()
    let store = allocator.path("state/weir.sqlite")
    _ = try await WeirProcess.run([
      "token", "create", "--role", "operator", "--store", store, "-o", allocator.path("token"),
    ])

    let made = try await allocator.weir("backup", allocator.path("backup.sqlite"))
    let tried = try await allocator.weir(
      "restore", allocator.path("backup.sqlite"), "--store", allocator.path("drill/weir.sqlite"))
    let again = try await allocator.weir(
      "restore", allocator.path("backup.sqlite"), "--store", allocator.path("drill/weir.sqlite"))

    #expect(made.code == 0, "\(made.errors)")
    #expect(tried.code == 0, "\(tried.errors)")
    #expect(again.code == 1)
    #expect(again.errors.contains("exists"))
  }

  @Test func `a token file is its owner's alone and is never written over`() async throws {
    let allocator = try AllocatorProcess()
    let arguments = [
      "token", "create", "--role", "reader", "--store", allocator.path("state/weir.sqlite"), "-o",
      allocator.path("token"),
    ]

    let first = try await WeirProcess.run(arguments)
    let second = try await WeirProcess.run(arguments)

    #expect(first.code == 0)
    #expect(second.code == 1)
    let attributes = try FileManager.default.attributesOfItem(atPath: allocator.path("token"))
    #expect(attributes[.posixPermissions] as? Int == 0o600)
  }

  @Test(
    arguments: [
      (["--help"], 0), (["--version"], 0), (["close", "2026-13", "--dry-run"], 2), (["nope"], 2),
      (["status"], 1), (["ledger", "verify", "--store", "/nonexistent/weir.sqlite"], 1),
      (["status", "--server", "http://127.0.0.1:1", "--token-file", "/etc/hostname"], 3),
      (["allocator", "--config", "/nonexistent.yaml"], 1),
    ] as [([String], Int32)])
  func `exit codes tell what went wrong`(_ arguments: [String], _ code: Int32) async throws {
    let ended = try await WeirProcess.run(arguments)

    #expect(ended.code == code, "\(ended.errors)")
    #expect(code == 0 ? ended.errors.isEmpty : ended.output.isEmpty)
  }

  @Test func `a configuration with faults is refused with all of them`() async throws {
    let file = FileManager.default.temporaryDirectory
      .appendingPathComponent("weir-\(UUID().uuidString).yaml")
    defer { try? FileManager.default.removeItem(at: file) }
    try Data("listen: here\ncolour: red\n".utf8).write(to: file)

    let ended = try await WeirProcess.run(["allocator", "--config", file.path, "--check"])

    #expect(ended.code == 1)
    #expect(ended.errors.contains("listen: ") && ended.errors.contains("colour: unknown key"))
  }
}
