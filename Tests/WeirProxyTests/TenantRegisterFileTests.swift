import Testing
import Usage

@testable import Proxy
@testable import WeirProxy

struct TenantRegisterFileTests {
  @Test(arguments: [
    ("acme\nbolt\n", ["acme", "bolt"]),
    ("id,name\nacme,Acme Ltd\nbolt,\"Bolt, Inc.\"\n", ["acme", "bolt"]),
    ("# customers\r\nacme\r\n\r\nbolt\r\n", ["acme", "bolt"]),
    ("\"acme\",x\n", ["acme"]),
    ("", []),
  ])
  func `ids are read from lines and from a first column`(text: String, ids: [String]) throws {
    let parsed = try TenantRegisterFile.parse(text).get()

    #expect(parsed.ids == Set(ids.compactMap { TenantID($0) }))
    #expect(parsed.limits.isEmpty)
  }

  @Test func `named columns are a tenant's limits, others are passed over`() throws {
    let text = """
      id,name,plan,requests_per_second,bytes_per_second,concurrent_requests,open_streams,blocked
      acme,"Acme, Ltd",gold,10,2000000,,,
      bolt,Bolt,,,,5,0,true
      crux,Crux,,,,,,false
      """

    let content = try TenantRegisterFile.parse(text, plans: ["gold"]).get()

    let (acme, bolt) = (TenantID("acme")!, TenantID("bolt")!)
    #expect(content.ids.count == 3)
    #expect(Set(content.limits.keys) == [acme, bolt])
    #expect(content.limits[acme]?.plan == "gold")
    #expect(content.limits[acme]?.own.requestsPerSecond == 10)
    #expect(content.limits[acme]?.own.bytesPerSecond == 2_000_000)
    #expect(content.limits[acme]?.own.isBlocked == nil)
    #expect(content.limits[bolt]?.own.concurrentRequests == 5)
    #expect(content.limits[bolt]?.own.openStreams == 0)
    #expect(content.limits[bolt]?.own.isBlocked == true)
  }

  @Test func `without classes the column plan says nothing here`() throws {
    let content = try TenantRegisterFile.parse("id,name,plan\nacme,Acme,gold\n").get()

    #expect(content.limits.isEmpty)
  }

  @Test func `every bad cell is named with its line`() {
    let text = """
      id,plan,requests_per_second,blocked
      acme,silver,many,perhaps
      bolt,gold,0,
      no spaces,,,
      acme,,,
      crux,gold,1,true,more
      """

    let result = TenantRegisterFile.parse(text, plans: ["gold"])

    guard case .failure(let fault) = result else {
      Issue.record("the file was taken")
      return
    }
    for expected in [
      "line 2: plan: there is no class \"silver\"", "line 2: requests_per_second: \"many\"",
      "line 2: blocked: \"perhaps\"", "line 3: requests_per_second: must be 1",
      "line 4: \"no spaces\" is not", "line 5: \"acme\" stands there twice", "line 6: more cells",
    ] {
      #expect(fault.faults.contains { $0.hasPrefix(expected) }, "\(expected) in \(fault.faults)")
    }
  }

  @Test func `a bad line refuses the file and is named`() {
    let result = TenantRegisterFile.parse("acme\nno spaces\n")

    #expect(throws: TenantRegisterFile.Fault.self) { try result.get() }
    if case .failure(let fault) = result { #expect(fault.description.hasPrefix("line 2: ")) }
  }
}
