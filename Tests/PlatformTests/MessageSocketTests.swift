import Glibc
import TestSupport
import Testing

@testable import Platform

@Suite struct MessageSocketTests {
  private let syscalls = Syscalls()

  @Test func `messages keep their borders, and a descriptor that comes along is the same file`()
    throws
  {
    let directory = try TemporaryDirectory()
    let listener = try MessageSocket.listen(at: directory.file("socket"), syscalls: syscalls)
    let client = try MessageSocket.connect(
      to: directory.file("socket"), timeoutMilliseconds: 5_000, syscalls: syscalls)
    let server = try listener.accept(timeoutMilliseconds: 5_000)
    let file = try syscalls.open(directory.file("file"), .createNew)
    // Safe: any bit pattern is a byte.
    try unsafe syscalls.writeAll(file, Array("content".utf8).span.bytes)

    try server.send("one", descriptor: file)
    try server.send("two")
    let (first, second) = (try client.receive(), try client.receive())

    let passed = try #require(first?.descriptor)
    #expect(first?.text == "one" && second?.text == "two" && second?.descriptor == nil)
    #expect(passed != file)
    #expect(try syscalls.length(passed) == 7)
    #expect(fcntl(passed, F_GETFD) & FD_CLOEXEC != 0)
    #expect(server.isPeerTrusted && client.isPeerTrusted)
    syscalls.close(passed)
    syscalls.close(file)
  }

  @Test func `the end of the other process is told apart from its silence`() throws {
    let directory = try TemporaryDirectory()
    let listener = try MessageSocket.listen(at: directory.file("socket"), syscalls: syscalls)
    let client = try MessageSocket.connect(
      to: directory.file("socket"), timeoutMilliseconds: 50, syscalls: syscalls)
    var server: MessageSocket? = try listener.accept(timeoutMilliseconds: 50)

    let silence = #expect(throws: SystemError.self) { try client.receive() }
    server = nil
    let end = try client.receive()

    #expect(silence?.code == EAGAIN)
    #expect(end == nil && server == nil)
  }

  @Test func `the socket is its user's alone, and a later one takes its place in one step`() throws
  {
    let directory = try TemporaryDirectory()
    let path = directory.file("socket")

    let first = try MessageSocket.listen(at: path, syscalls: syscalls)
    let second = try MessageSocket.listen(at: path, syscalls: syscalls)
    var status = stat()
    // Safe: stat fills the struct it is given.
    #expect(unsafe stat(path, &status) == 0)
    let client = try MessageSocket.connect(to: path, timeoutMilliseconds: 50, syscalls: syscalls)
    let server = try second.accept(timeoutMilliseconds: 50)
    try client.send("hello")

    #expect(status.st_mode & 0o777 == 0o600)
    #expect(try server.receive()?.text == "hello")
    #expect(try syscalls.entries(of: directory.path) == ["socket"])
    #expect(first.descriptor != second.descriptor)
  }

  @Test(arguments: ["", String(repeating: "x", count: 200)])
  func `a path that no socket can have is an error`(_ path: String) {
    let error = #expect(throws: SystemError.self) {
      try MessageSocket.connect(to: path, timeoutMilliseconds: 50, syscalls: syscalls)
    }
    #expect(error?.code == ENAMETOOLONG)
  }
}
