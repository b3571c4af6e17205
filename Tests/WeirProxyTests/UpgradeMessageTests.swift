import Testing

@testable import WeirProxy

@Suite struct UpgradeMessageTests {
  @Test(
    arguments: [
      .hello(protocolVersion: 1, program: "0.1.0", pid: 42),
      .welcome(protocolVersion: 7, program: "9.9.9", pid: 1, sockets: 3),
      .refused("this is 0.1.0 and hands over by version 1; 0.2.0 takes over by version 2"),
      .listener(name: "main", configured: "0.0.0.0:0", address: "[::1]:8080"),
      .admin(configured: "127.0.0.1:0", address: "127.0.0.1:8602"), .serving, .draining,
    ] as [UpgradeMessage])
  func `a message is read as it was written`(_ message: UpgradeMessage) {
    #expect(UpgradeMessage(message.text) == message)
  }

  @Test(arguments: [
    "", "hello", "hello x 0.1.0 1", "welcome 1 0.1.0 2 -1", "welcome 1 0.1.0 2 99999999999",
    "socket listener main 1.1.1.1:1", "socket other - a b", "bye",
  ])
  func `anything else is none`(_ text: String) { #expect(UpgradeMessage(text) == nil) }
}
