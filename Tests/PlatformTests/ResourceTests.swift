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

  @Test func `a control group's limit is positive or not there`() {
    let limit = Syscalls().controlGroupMemoryBytesMax()

    #expect(limit == nil || limit! > 1 << 20)
  }
}
