import Testing

@testable import Platform

struct ResourceTests {
  @Test func `resident memory is told in bytes and grows with what is touched`() {
    let before = Syscalls().residentBytes()
    let block = [UInt8](repeating: 1, count: 64 << 20)

    #expect(before > 1 << 20)
    #expect(Syscalls().residentBytes() >= before + (32 << 20))
    #expect(block.last == 1)
  }

  @Test func `the limit of descriptors is told, and stays raised`() {
    let raised = Syscalls().raiseDescriptorLimit()

    #expect(raised >= 256)
    #expect(Syscalls().raiseDescriptorLimit() == raised)
  }

  @Test func `descriptors are counted with those that are opened, told or listed`() throws {
    let syscalls = Syscalls()
    // More than other tests of this process open or close in the meantime.
    let own = 400
    let before = try #require(syscalls.listedDescriptors())
    let told = syscalls.openDescriptors()
    let pipes = try (0..<own / 2).map { _ in try SplicePipe(syscalls: syscalls) }

    #expect(try #require(syscalls.listedDescriptors()) >= before + own / 2)
    if let told { #expect(try #require(syscalls.openDescriptors()) >= told + own / 2) }
    #expect(pipes.count == own / 2)
  }

  @Test func `a control group's limit is positive or not there`() {
    let limit = Syscalls().controlGroupMemoryBytesMax()

    #expect(limit == nil || limit! > 1 << 20)
  }
}
