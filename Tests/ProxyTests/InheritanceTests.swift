import Glibc
import Metering
import PlainHTTP
import Platform
import Synchronization
import TestSupport
import Testing
import Usage

@testable import Proxy

/// Sockets of a former process: every queue has somebody who accepts, whatever the numbers of workers.
@Suite struct InheritanceTests {
  private static let address = SocketAddress("127.0.0.1:0")!

  private static func configuration(workers: Int, _ names: [String]) -> ProxyConfiguration {
    ProxyRig.configuration(upstream: [1]) {
      $0.workers = workers
      $0.listeners = names.map { ListenerConfiguration(name: $0, address: address) }
    }
  }

  /// What a former process with so many workers hands over: copies, as the kernel makes them.
  private static func former(workers: Int, _ names: [String]) throws -> [InheritedSocket] {
    let server = try ProxyServer(
      configuration(workers: workers, names), processors: 1, syscalls: Syscalls())
    let shared = server.sharedSockets
    let copies = shared.map {
      InheritedSocket(
        name: $0.name, configured: $0.configured, address: $0.address,
        descriptor: dup($0.descriptor))
    }
    for socket in shared { close(socket.descriptor) }
    return copies
  }

  @Test(arguments: [(3, 3), (5, 2), (1, 4), (2, 1)])
  func `each inherited socket has one worker, each worker one socket at least`(
    _ before: Int, _ after: Int
  ) throws {
    let inherited = try Self.former(workers: before, ["a"])

    let server = try ProxyServer(
      Self.configuration(workers: after, ["a"]), processors: 1, syscalls: Syscalls(),
      inherited: inherited)
    let sockets = server.current.withLock { $0.sockets }

    let descriptors = sockets.joined().map(\.descriptor)
    #expect(Set(inherited.map(\.descriptor)).isSubset(of: descriptors))
    #expect(descriptors.count == max(before, after))
    #expect(sockets.allSatisfy { !$0.isEmpty })
    #expect(server.addresses == [inherited[0].address])
    #expect(server.refusedInheritance.isEmpty)
    for descriptor in descriptors { close(descriptor) }
  }

  @Test func `a listener that has another name goes on at its address`() throws {
    let inherited = try Self.former(workers: 1, ["old"])

    var next = Self.configuration(workers: 1, ["new"])
    next.listeners[0].address = inherited[0].address
    let server = try ProxyServer(next, processors: 1, syscalls: Syscalls(), inherited: inherited)
    let sockets = server.current.withLock { $0.sockets }

    #expect(sockets.joined().map(\.descriptor) == [inherited[0].descriptor])
    close(inherited[0].descriptor)
  }

  @Test func `a listener that is not in the configuration is named, and its copies are closed`()
    throws
  {
    let inherited = try Self.former(workers: 2, ["gone", "kept"])

    let server = try ProxyServer(
      Self.configuration(workers: 2, ["kept"]), processors: 1, syscalls: Syscalls(),
      inherited: inherited)

    #expect(server.refusedInheritance == ["gone"])
    for socket in inherited where socket.name == "gone" {
      #expect(fcntl(socket.descriptor, F_GETFD) == -1)
    }
    for socket in server.sharedSockets { close(socket.descriptor) }
  }

  @Test
  func `connections that wait in every queue are served by the one worker that took them over`()
    throws
  {
    let inherited = try Self.former(workers: 4, ["public"])
    // Completed by the kernel, accepted by nobody yet.
    let clients = try (0..<24).map { _ in try RawClient(port: inherited[0].address.port) }
    for client in clients { try client.send(LifeCycleTests.request) }

    let origin = try Origin.answering(ok())
    let rig = try ProxyRig(upstream: [origin.port], origins: [origin], inherited: inherited)
    for client in clients {
      #expect(try client.readResponse().status == 200)
      client.close()
    }
    let usage = try rig.finish()

    #expect(usage[.endedCompleted] == 24)
  }
}
