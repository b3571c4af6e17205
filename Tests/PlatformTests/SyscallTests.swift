import Glibc
import TestSupport
import Testing

@testable import Platform

@Suite struct SyscallTests {
  @Test func `a planned failure hits the chosen call and no other`() throws {
    let faults = SyscallFaults(failing: 1, of: [.mkdir], with: ENOSPC)
    let syscalls = Syscalls(faults: faults)
    let directory = try TemporaryDirectory()

    try syscalls.makeDirectory(directory.file("a"))
    #expect(throws: SystemError(.mkdir, ENOSPC)) { try syscalls.makeDirectory(directory.file("b")) }
    try syscalls.makeDirectory(directory.file("b"))

    #expect(faults.calls == [.mkdir, .mkdir, .mkdir])
  }

  @Test func `all calls of a kind fail until they recover`() throws {
    let faults = SyscallFaults()
    let syscalls = Syscalls(faults: faults)
    let directory = try TemporaryDirectory()
    faults.failAll(.mkdir, with: EROFS)

    #expect(throws: SystemError(.mkdir, EROFS)) { try syscalls.makeDirectory(directory.file("a")) }
    #expect(throws: SystemError(.mkdir, EROFS)) { try syscalls.makeDirectory(directory.file("a")) }
    faults.recover()

    try syscalls.makeDirectory(directory.file("a"))
  }

  @Test func `an error says which call failed and why`() {
    #expect("\(SystemError(.fsync, ENOSPC))" == "fsync: No space left on device (28)")
  }

  @Test(arguments: [
    (Syscall.socket, EMFILE, true), (.socket, ENFILE, true), (.connect, ENOMEM, true),
    (.connect, ENOBUFS, true), (.connect, EADDRNOTAVAIL, true), (.epollControl, ENOSPC, true),
    (.socket, EAFNOSUPPORT, false), (.connect, ECONNREFUSED, false), (.connect, EAGAIN, false),
    (.connect, ENETUNREACH, false), (.connect, ENOENT, false),
  ])
  func `want of one's own is told from what an address does`(
    call: Syscall, code: Int32, isShortage: Bool
  ) {
    #expect(SystemError(call, code).isShortage == isShortage)
  }

  @Test func `an address that can be reached from here has a source, one that cannot has none`() {
    let syscalls = Syscalls()

    #expect(syscalls.hasSourceAddress(for: .internet(SocketAddress("127.0.0.1:9")!)))
    #expect(syscalls.hasSourceAddress(for: Endpoint("unix:/nowhere")!))
    // Nothing is reached at the broadcast address without being asked for in so many words.
    #expect(!syscalls.hasSourceAddress(for: .internet(SocketAddress("255.255.255.255:9")!)))
  }

  /// A connected pair over loopback: the accepted side and the side that connected.
  static func pair(_ syscalls: Syscalls = Syscalls()) throws -> (server: Int32, client: Int32) {
    let listener = try syscalls.listen(on: SocketAddress("127.0.0.1:0")!, backlog: 1)
    defer { syscalls.close(listener) }
    let address = try syscalls.localAddress(of: listener)
    let client = try syscalls.connect(to: address)
    let server = try awaitValue("a connection") { () -> Int32? in
      guard case .connection(let descriptor, let peer) = syscalls.accept(listener) else {
        return nil
      }
      #expect(peer.host == "127.0.0.1")
      return descriptor
    }
    #expect(syscalls.socketError(client) == 0)
    return (server, client)
  }

  @Test func `bytes move between two sockets, in one piece and in two, until the end`() throws {
    let syscalls = Syscalls()
    let (server, client) = try Self.pair()
    defer { syscalls.close(server) }
    let (first, second, input) = (Buffer(capacity: 8), Buffer(capacity: 8), Buffer(capacity: 64))
    first.append("abc")
    second.append("defg")

    #expect(syscalls.receive(server, into: input) == .wouldBlock)
    #expect(syscalls.send(client, first, second, secondCount: 2) == .moved(5))
    #expect(syscalls.send(client, first, nil, secondCount: 0) == .moved(3))
    #expect(syscalls.send(client, nil, second, secondCount: 4) == .moved(4))
    #expect(first.count == 3)
    syscalls.shutdownWriting(client)
    try awaitCondition("all bytes") {
      _ = input.count < 12 ? syscalls.receive(server, into: input) : .wouldBlock
      return input.count == 12
    }
    #expect(BufferTests.bytes(input) == Array("abcdeabcdefg".utf8))
    #expect(
      try awaitValue("the end") { syscalls.receive(server, into: input) == .end ? true : nil })
    syscalls.close(client)
  }

  @Test func `a reset is a failure and not an end`() throws {
    let syscalls = Syscalls()
    let (server, client) = try Self.pair()
    let input = Buffer(capacity: 8)

    syscalls.resetOnClose(client)
    syscalls.close(client)

    let result = try awaitValue("the reset") { () -> IOResult? in
      let result = syscalls.receive(server, into: input)
      return result == .wouldBlock ? nil : result
    }
    #expect(result == .failed(ECONNRESET))
    syscalls.close(server)
  }

  @Test func `planned failures of socket calls are values`() throws {
    let faults = SyscallFaults()
    let syscalls = Syscalls(faults: faults)
    let (server, client) = try Self.pair()
    let buffer = Buffer(capacity: 8)
    buffer.append("a")

    faults.failAll(.recv, with: EAGAIN)
    #expect(syscalls.receive(server, into: buffer) == .wouldBlock)
    faults.failAll(.send, with: EPIPE)
    #expect(syscalls.send(server, buffer, nil, secondCount: 0) == .failed(EPIPE))
    faults.failAll(.accept, with: EMFILE)
    guard case .failed(EMFILE) = syscalls.accept(server) else {
      Issue.record("accept did not fail")
      return
    }
    faults.failAll(.connect, with: ENETUNREACH)
    #expect(throws: SystemError(.connect, ENETUNREACH)) {
      try syscalls.connect(to: SocketAddress("127.0.0.1:1")!)
    }
    syscalls.close(server)
    syscalls.close(client)
  }
}
