import Glibc
import TestSupport
import Testing

@testable import Platform

/// Two ends of a non-blocking stream with small buffers, each with a session when it has begun.
private final class Pair {
  let serverSocket: Int32
  let clientSocket: Int32
  var server: TLSSession?
  var client: TLSSession?
  private let syscalls = Syscalls()

  init() throws {
    var sockets: [Int32] = [0, 0]
    // Safe: room for two descriptors.
    let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
    try #require(unsafe socketpair(AF_UNIX, kind, 0, &sockets) == 0)
    (serverSocket, clientSocket) = (sockets[0], sockets[1])
    for socket in sockets {
      var size: Int32 = 8_192
      // Safe: four bytes of a local.
      unsafe setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &size, 4)
    }
  }

  /// Over TCP, which holds many small messages.
  init(port: UInt16) throws {
    let calls = Syscalls()
    let listener = try calls.listen(
      on: SocketAddress(bytes: [127, 0, 0, 1], port: port)!, backlog: 1, isIPv6Only: false)
    clientSocket = try calls.connect(to: calls.localAddress(of: listener))
    serverSocket = try awaitValue("a connection") {
      guard case .connection(let descriptor, _) = calls.accept(listener) else { return nil }
      return descriptor
    }
    calls.close(listener)
  }

  deinit {
    syscalls.close(serverSocket)
    syscalls.close(clientSocket)
  }

  /// Shakes hands until both are done or one has failed; then what became of each.
  @discardableResult
  func shake() -> (server: TLSSession.Handshake, client: TLSSession.Handshake) {
    var (served, asked) = (TLSSession.Handshake.wouldBlock, TLSSession.Handshake.wouldBlock)
    for _ in 0..<200 where served == .wouldBlock || asked == .wouldBlock {
      client?.noteReadable()
      if asked == .wouldBlock, let client {
        asked = client.handshake(trustsShortReads: false, syscalls)
      }
      server?.noteReadable()
      if served == .wouldBlock, let server {
        served = server.handshake(trustsShortReads: false, syscalls)
      }
    }
    return (served, asked)
  }

  /// Sends `content` through `sender`, reads it from `receiver`, and returns what came.
  func carry(_ content: [UInt8], _ sender: TLSSession, _ receiver: TLSSession, head: Int = 0)
    -> [UInt8]
  {
    let first = Buffer(capacity: max(1, head) + 2_048)
    first.append(Array(content[..<head]))
    let second = Buffer(capacity: max(1, content.count - head))
    second.append(Array(content[head...]))
    var came: [UInt8] = []
    let room = Buffer(capacity: 3_000)
    for _ in 0..<1_000_000 where came.count < content.count {
      if first.count + second.count > 0,
        case .moved(let count) = sender.send(
          head == 0 ? nil : first, second, secondCount: second.count, syscalls)
      {
        let ofFirst = min(count, first.count)
        first.consume(ofFirst)
        second.consume(count - ofFirst)
      }
      receiver.noteReadable()
      while case .moved = receiver.receive(into: room, trustsShortReads: false, syscalls) {
        let span = room.readable
        came += (0..<span.byteCount).map { span[$0] }
        room.reset()
      }
    }
    return came
  }
}

@Suite struct TLSSessionTests {
  private static let made = Result { try Made() }
  private let made: Made
  private let syscalls = Syscalls()

  init() throws { made = try Self.made.get() }

  /// What the tests share.
  private struct Made: Sendable {
    let authority: TestAuthority
    let ecdsa: TestAuthority.Identity
    let rsa: TestAuthority.Identity
    let wild: TestAuthority.Identity
    let client: TestAuthority.Identity

    init() throws {
      authority = try TestAuthority()
      authority.directory.removeAtExit()
      ecdsa = try authority.issue("ecdsa", ["DNS:a.example", "IP:127.0.0.1"])
      rsa = try authority.issue("rsa", ["DNS:a.example", "IP:127.0.0.1"], key: .rsa)
      wild = try authority.issue("wild", ["DNS:*.b.example", "DNS:x.c.example"])
      client = try authority.issue(
        "client", ["URI:spiffe://a/b", "DNS:c.example"], commonName: "me")
    }
  }

  private func keys() throws -> SessionTicketKeys { try SessionTicketKeys(seconds: 3_600) }

  private func server(
    _ identities: [TestAuthority.Identity]? = nil, keys: SessionTicketKeys? = nil,
    scope: [UInt8] = [1], _ change: (inout TLSServerConfiguration) -> Void = { _ in }
  ) throws -> TLSServerContext {
    var tls = TLSServerConfiguration(
      identities: (identities ?? [made.ecdsa]).map {
        .init(certificateFile: $0.certificate, keyFile: $0.key)
      })
    change(&tls)
    return try TLSServerContext(
      tls, keys: keys ?? self.keys(), scope: scope, syscalls: syscalls)
  }

  private func client(
    _ name: String = "a.example", _ change: (inout TLSClientConfiguration) -> Void = { _ in }
  ) throws -> TLSClientContext {
    var tls = TLSClientConfiguration(serverName: name)
    tls.caFile = made.authority.certificate
    change(&tls)
    return try TLSClientContext(tls, syscalls: syscalls)
  }

  /// A pair that has shaken hands or failed to.
  private func pair(
    _ server: TLSServerContext, _ client: TLSClientContext, resuming old: TLSResumption? = nil
  ) throws -> (Pair, server: TLSSession.Handshake, client: TLSSession.Handshake) {
    let pair = try Pair()
    pair.server = TLSSession(server: server, descriptor: pair.serverSocket, early: RawSpan())
    pair.client = TLSSession(client: client, descriptor: pair.clientSocket, resuming: old)
    let (served, asked) = pair.shake()
    return (pair, served, asked)
  }

  private static func isFailed(_ handshake: TLSSession.Handshake) -> Bool {
    if case .failed = handshake { return true }
    return false
  }

  private static let content = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 9) }

  // MARK: - Bytes

  @Test(arguments: [TLSVersion.tls12, .tls13], [0, 1, 700, 9_000, 40_000])
  func `more than the socket holds arrives in both directions, in one piece or two`(
    version: TLSVersion, head: Int
  ) throws {
    let (pair, served, asked) = try pair(
      server { $0.versionMin = version }, client { $0.versionMin = version })
    #expect(served == .done && asked == .done)
    let (server, client) = try (#require(pair.server), #require(pair.client))

    #expect(pair.carry(Self.content, client, server, head: head) == Self.content)
    #expect(pair.carry(Self.content, server, client, head: head) == Self.content)
    #expect(server.receivedBytes > 300_000 && server.receivedBytes == client.sentBytes)
  }

  @Test(arguments: [true, false])
  func `an end is one only when the peer has said goodbye`(saysGoodbye: Bool) throws {
    let (pair, _, _) = try pair(server(), client())
    let (server, client) = try (#require(pair.server), #require(pair.client))
    let room = Buffer(capacity: 100)
    #expect(pair.carry([1, 2, 3], server, client) == [1, 2, 3])

    if saysGoodbye { client.sayGoodbye() }
    syscalls.shutdownWriting(pair.clientSocket)
    server.noteReadable()
    let end = server.receive(into: room, trustsShortReads: false, syscalls)

    #expect(end == (saysGoodbye ? .end : .failed(ECONNRESET)))
  }

  @Test func `bytes that were received before the session are read first, wherever they end`()
    throws
  {
    let context = try server()
    let asking = try client()
    // Bound: the length of a hello, a few hundred bytes.
    for split in 0... {
      let pair = try Pair()
      pair.client = TLSSession(client: asking, descriptor: pair.clientSocket)
      _ = pair.client?.handshake(trustsShortReads: false, syscalls)
      var bytes = [UInt8](repeating: 0, count: split)
      // Safe: at most `split` bytes are written.
      let taken = split == 0 ? 0 : unsafe recv(pair.serverSocket, &bytes, split, 0)
      guard taken == split else { break }
      // Safe: any bit pattern is a byte.
      pair.server = unsafe TLSSession(
        server: context, descriptor: pair.serverSocket, early: bytes.span.bytes)
      let (served, asked) = pair.shake()
      #expect(served == .done && asked == .done, "split at \(split)")
    }
  }

  @Test func `key updates without end are cut off, a few are not`() throws {
    let pair = try Pair(port: 0)
    let asking = try client { $0.versionMin = .tls13 }
    pair.server = TLSSession(
      server: try server(), descriptor: pair.serverSocket, early: RawSpan())
    pair.client = TLSSession(client: asking, descriptor: pair.clientSocket)
    #expect(pair.shake().server == .done)
    let (server, client) = try (#require(pair.server), #require(pair.client))
    let room = Buffer(capacity: 100)

    for _ in 0..<20 { client.updateKey() }
    server.noteReadable()
    #expect(server.receive(into: room, trustsShortReads: false, syscalls) == .wouldBlock)
    #expect(pair.carry([1, 2, 3], client, server) == [1, 2, 3])
    // Bound: what the socket holds.
    for _ in 0..<100_000 where client.sentBytes < 100_000 { client.updateKey() }
    server.noteReadable()
    #expect(server.receive(into: room, trustsShortReads: false, syscalls) == .failed(EPROTO))
  }

  // MARK: - Names and versions

  @Test(arguments: [
    ("a.example", "ecdsa"), ("A.Example", "ecdsa"), ("q.b.example", "wild"),
    ("x.c.example", "wild"), ("b.example", "ecdsa"), ("q.q.b.example", "ecdsa"),
    ("other.example", "ecdsa"),
  ])
  func `the name that is asked for chooses the certificate`(name: String, shown: String) throws {
    let (pair, served, asked) = try pair(
      server([made.ecdsa, made.wild]),
      client(name) {
        $0.verifies = false
        $0.caFile = nil
      })

    #expect(served == .done && asked == .done)
    #expect(pair.server?.serverName == name)
    #expect(
      pair.client?.shownNames().contains(shown == "wild" ? "*.b.example" : "a.example") == true)
  }

  @Test(arguments: [("127.0.0.1", true), ("127.0.0.2", false), ("a.example", true)])
  func `a server is known by its name or its numeric address`(name: String, fits: Bool) throws {
    let (_, _, asked) = try pair(server(), client(name))

    #expect(fits ? asked == .done : Self.isFailed(asked))
  }

  @Test func `a certificate of each kind of key serves whoever can check it`() throws {
    let both = try server([made.ecdsa, made.rsa])
    for (sigalgs, isRSA) in [("ECDSA+SHA256", false), ("RSA-PSS+SHA256:RSA+SHA256", true)] {
      let asking = try client { $0.versionMin = .tls13 }
      asking.setSignatureAlgorithms(sigalgs)

      let (pair, served, asked) = try pair(both, asking)

      #expect(served == .done && asked == .done)
      #expect(pair.client?.peerHasRSA() == isRSA)
    }
  }

  @Test func `older versions and other protocols are refused`() throws {
    let old = try client()
    old.setVersionMax(0x0302)
    #expect(Self.isFailed(try pair(server(), old).server))

    let twelve = try client()
    twelve.setVersionMax(0x0303)
    #expect(Self.isFailed(try pair(server { $0.versionMin = .tls13 }, twelve).server))
    #expect(try pair(server(), twelve).server == .done)

    let other = try client()
    other.setProtocols([2, 0x68, 0x32])
    #expect(Self.isFailed(try pair(server(), other).server))

    let fitting = try client()
    fitting.setProtocols([2, 0x68, 0x32, 8] + Array("http/1.1".utf8))
    let (pair, served, _) = try pair(server(), fitting)
    #expect(served == .done && pair.server?.protocolName == "http/1.1")
  }

  @Test func `an OCSP response is stapled for those who ask`() throws {
    let file = try made.authority.ocspResponse(for: made.ecdsa)
    let asking = try client()
    asking.askForStatus()

    let with = try pair(server { $0.identities[0].ocspFile = file }, asking)
    let without = try pair(server(), asking)

    #expect(with.client == .done && with.0.client?.stapledCount() ?? 0 > 100)
    #expect(without.client == .done && without.0.client?.stapledCount() == -1)
  }

  // MARK: - Resumption

  /// Shakes hands, takes a ticket, and tells what a second handshake with it at `second` is.
  private func resumes(
    _ version: TLSVersion, _ first: TLSServerContext, _ second: TLSServerContext,
    between: () -> Void = {}
  ) throws -> Bool {
    let asking = try client { $0.versionMin = version }
    if version == .tls12 { asking.setVersionMax(0x0303) }
    let (pair, _, _) = try pair(first, asking)
    let (server, client) = try (#require(pair.server), #require(pair.client))
    _ = pair.carry([1], server, client)
    let old = try #require(client.resumption())
    between()
    let (again, served, asked) = try self.pair(second, asking, resuming: old)
    #expect(served == .done && asked == .done)
    #expect(again.server?.isResumed == again.client?.isResumed)
    return again.server?.isResumed ?? false
  }

  @Test(arguments: [TLSVersion.tls12, .tls13])
  func `a session is resumed at any context of the same keys and scope`(version: TLSVersion) throws
  {
    let keys = try keys()
    let first = try server(keys: keys)

    #expect(try resumes(version, first, first))
    #expect(try resumes(version, first, server(keys: keys)))
    #expect(try !resumes(version, first, server(keys: keys, scope: [2])))
    #expect(try !resumes(version, first, server()))
  }

  @Test(arguments: [TLSVersion.tls12, .tls13], 0...3)
  func `a ticket outlives two changes of the key and not three`(version: TLSVersion, changes: Int)
    throws
  {
    let keys = try keys()
    let context = try server(keys: keys)

    let isResumed = try resumes(version, context, context) {
      for _ in 0..<changes { keys.rotate() }
    }

    #expect(isResumed == (changes < 3))
  }

  // MARK: - Certificates of clients

  @Test func `a client's certificate is asked for, verified, and looked up`() throws {
    let others = try TestAuthority("Somebody else")
    let stranger = try others.issue("stranger")
    let revoked = try made.authority.issue("revoked")
    try made.authority.revoke(revoked)
    let list = try made.authority.revocationList()
    func show(
      _ asks: TLSServerConfiguration.ClientCertificates, _ identity: TestAuthority.Identity?,
      list: String? = nil
    ) throws -> (TLSSession.Handshake, [String]) {
      let (pair, served, _) = try pair(
        server {
          $0.clientCertificates = asks
          $0.clientCAFile = made.authority.certificate
          $0.revocationFile = list
        },
        client {
          $0.certificateFile = identity?.certificate
          $0.keyFile = identity?.key
        })
      return (served, pair.server?.peerNames(.uri) ?? [])
    }

    #expect(try show(.optional, nil) == (.done, []))
    #expect(try show(.optional, made.client) == (.done, ["spiffe://a/b"]))
    #expect(try show(.required, made.client) == (.done, ["spiffe://a/b"]))
    #expect(try show(.required, made.client, list: list) == (.done, ["spiffe://a/b"]))
    #expect(Self.isFailed(try show(.required, nil).0))
    #expect(Self.isFailed(try show(.optional, stranger).0))
    #expect(Self.isFailed(try show(.required, stranger).0))
    #expect(Self.isFailed(try show(.optional, revoked, list: list).0))
    #expect(try show(.optional, revoked).0 == .done)
  }

  @Test func `names with a zero byte, and long ones, are passed over`() throws {
    func der(_ names: [[UInt8]]) -> String {
      func wrap(_ tag: UInt8, _ bytes: [UInt8]) -> [UInt8] {
        [tag, 0x82, UInt8(bytes.count >> 8), UInt8(bytes.count & 255)] + bytes
      }
      let bytes = wrap(0x30, names.flatMap { wrap(0x86, $0) })
      let digits = bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }
      return "subjectAltName=DER:" + digits.joined(separator: ":")
    }
    let long = [UInt8](repeating: 0x61, count: 513)
    let odd = try made.authority.issue(
      "odd",
      extensions: der([
        Array("a\0b".utf8), long, Array(long[1...]), Array("spiffe://ok".utf8),
      ]))

    let (pair, served, _) = try pair(
      server {
        $0.clientCertificates = .required
        $0.clientCAFile = made.authority.certificate
      },
      client {
        $0.certificateFile = odd.certificate
        $0.keyFile = odd.key
      })

    #expect(served == .done)
    #expect(
      pair.server?.peerNames(.uri) == [String(repeating: "a", count: 512), "spiffe://ok"])
    #expect(pair.server?.peerNames(.commonName) == ["test"])
  }

  // MARK: - Files

  private func reason(_ change: (inout TLSServerConfiguration) -> Void) throws -> TLSError {
    try #require(throws: TLSError.self) { try server(nil, change) }
  }

  @Test func `every file that cannot be used is named`() throws {
    let missing = made.authority.directory.file("missing.pem")
    let text = made.authority.directory.file("index.txt")

    #expect(try reason { $0.identities[0].certificateFile = missing }.file == missing)
    #expect(try reason { $0.identities[0].certificateFile = text }.file == text)
    #expect(try reason { $0.identities[0].keyFile = missing }.file == missing)
    #expect(try reason { $0.identities[0].keyFile = made.wild.key }.file == made.wild.key)
    #expect(try reason { $0.identities[0].ocspFile = missing }.file == missing)
    let pem = made.ecdsa.certificate
    #expect(try reason { $0.identities[0].ocspFile = pem }.file == pem)
    for file in [missing, text] {
      #expect(
        try reason {
          $0.clientCertificates = .required
          $0.clientCAFile = file
        }.file == file)
      #expect(
        try reason {
          $0.clientCertificates = .required
          $0.clientCAFile = made.authority.certificate
          $0.revocationFile = file
        }.file == file)
      #expect(
        try #require(throws: TLSError.self) { try client { $0.caFile = file } }.file == file)
    }
  }

  @Test(arguments: [0o644, 0o604, 0o660, 0o602])
  func `a key that others may read or change is refused`(mode: Int) throws {
    let identity = try made.authority.issue("open-\(mode)", ["DNS:a.example"])
    try made.authority.setMode(mode, of: identity.key)

    let fault = try #require(throws: TLSError.self) { try server([identity]) }

    #expect(fault.file == identity.key && fault.reason.contains("chmod 600"))
    try made.authority.setMode(0o640, of: identity.key)
    #expect(throws: Never.self) { try server([identity]) }
  }

  @Test func `a key with a pass phrase is refused without asking for it`() throws {
    let locked = try made.authority.locked(made.ecdsa)

    #expect(try reason { $0.identities[0].keyFile = locked }.file == locked)
  }
}
