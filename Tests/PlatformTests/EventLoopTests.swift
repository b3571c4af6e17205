import Synchronization
import TestSupport
import Testing

@testable import Platform

@Suite struct EventLoopTests {
  @Test func `a wakeup from another thread ends the wait, once for many signals`() throws {
    let syscalls = Syscalls()
    let loop = try EventLoop(syscalls: syscalls)
    let wakeup = try Wakeup(syscalls: syscalls)
    try loop.registerForReading(wakeup.descriptor, word: 42)
    #expect(loop.wait(timeoutMilliseconds: 0) == 0)

    let thread = try OSThread(name: "a-name-that-is-too-long") {
      for _ in 0..<10 { wakeup.signal() }
    }
    #expect(loop.wait(timeoutMilliseconds: 10_000) == 1)
    thread.join()

    #expect(loop.event(0).word == 42)
    #expect(loop.event(0).isReadable)
    wakeup.clear()
    #expect(loop.wait(timeoutMilliseconds: 0) == 0)
  }

  @Test func `a socket's events come at their edges and tell ends from resets`() throws {
    let syscalls = Syscalls()
    let loop = try EventLoop(syscalls: syscalls)
    let (server, client) = try SyscallTests.pair()
    let buffer = Buffer(capacity: 8)
    buffer.append("x")

    try loop.register(server, word: 7)
    #expect(loop.wait(timeoutMilliseconds: 1_000) == 1)
    #expect(loop.event(0).isWritable && !loop.event(0).isReadable)
    #expect(loop.wait(timeoutMilliseconds: 0) == 0)
    _ = syscalls.send(client, buffer, nil, secondCount: 0)
    #expect(loop.wait(timeoutMilliseconds: 1_000) == 1)
    #expect(loop.event(0).isReadable && !loop.event(0).isPeerClosed)
    syscalls.shutdownWriting(client)
    #expect(loop.wait(timeoutMilliseconds: 1_000) == 1)
    #expect(loop.event(0).isPeerClosed && !loop.event(0).isBroken)
    syscalls.resetOnClose(client)
    syscalls.close(client)
    #expect(loop.wait(timeoutMilliseconds: 1_000) == 1)
    #expect(loop.event(0).isBroken)
    loop.remove(server)
    #expect(loop.wait(timeoutMilliseconds: 0) == 0)
    syscalls.close(server)
  }

  @Test func `events beyond a turn's bound come in the next`() throws {
    let syscalls = Syscalls()
    let loop = try EventLoop(syscalls: syscalls, eventsMax: 2)
    let wakeups = try (0..<5).map { _ in try Wakeup(syscalls: syscalls) }
    for (index, wakeup) in wakeups.enumerated() {
      try loop.registerForReading(wakeup.descriptor, word: UInt64(index))
      wakeup.signal()
    }

    var seen: Set<UInt64> = []
    for _ in 0..<5 {
      let count = loop.wait(timeoutMilliseconds: 100)
      #expect(count <= 2)
      for position in 0..<count {
        let word = loop.event(position).word
        seen.insert(word)
        wakeups[Int(word)].clear()
      }
    }

    #expect(seen == [0, 1, 2, 3, 4])
  }

  @Test func `a registration that fails is said`() throws {
    let loop = try EventLoop(syscalls: Syscalls())

    #expect(throws: SystemError.self) { try loop.register(-1, word: 0) }
  }

  @Test func `the clocks move forward`() {
    let clock = Clock.system
    let (first, second) = (clock.monotonicNanoseconds(), clock.monotonicNanoseconds())

    #expect(second >= first)
    #expect(clock.wallMicroseconds() > 1_700_000_000_000_000)
  }
}
