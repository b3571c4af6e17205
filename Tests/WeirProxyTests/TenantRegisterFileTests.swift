import Testing
import Usage

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

    #expect(parsed == Set(ids.compactMap { TenantID($0) }))
  }

  @Test func `a bad line refuses the file and is named`() {
    let result = TenantRegisterFile.parse("acme\nno spaces\n")

    #expect(throws: TenantRegisterFile.Fault.self) { try result.get() }
    if case .failure(let fault) = result { #expect(fault.line == 2) }
  }
}
