import PlainHTTP
import Synchronization
import Usage

/// A loopback allocator that stores what it is sent, and answers as its script says.
///
/// The n-th request follows the n-th reply of the script, later ones are answered in order.
final class FakeAllocator: Sendable {
  enum Reply: Sendable {
    /// Store and say so.
    case store
    /// Store and close the connection without a word.
    case storeAndHangUp
    /// Close without storing.
    case hangUp
    /// This status and these header lines, nothing stored.
    case status(Int, headers: String = "")
    /// Status 200 with this body, nothing stored.
    case body(String)
    /// Store, and name these as missing.
    case missing([String])
  }

  struct Request: Sendable {
    let head: MessageHead
    let body: [UInt8]
    var name: String { head.value("idempotency-key") ?? "" }
  }

  struct Record: Sendable {
    var script: [Reply] = []
    var stored: [String: [UInt8]] = [:]
    var requests: [Request] = []
    var epoch = "aa01"
    /// Names that a restore from a backup took away.
    var conflicts: [String] = []
  }

  let record: Mutex<Record>
  var url: String { "http://127.0.0.1:\(listener.port)" }
  private let listener: ListeningSocket

  init(_ script: [Reply] = []) throws {
    listener = try ListeningSocket()
    record = Mutex(Record(script: script))
    _ = try SpawnedThread { [listener, weak self] in
      while let socket = listener.accept() {
        socket.setTimeout(milliseconds: 30_000)
        _ = try? SpawnedThread { [weak self] in
          try? self?.serve(socket)
          socket.close()
        }
      }
    }
  }

  deinit { listener.stop() }

  func stop() { listener.stop() }
  var requests: [Request] { record.withLock { $0.requests } }
  var stored: [String: [UInt8]] { record.withLock { $0.stored } }

  private func serve(_ socket: Socket) throws {
    var reader = ByteReader(socket)
    while let bytes = try reader.head() {
      let head = try MessageHead(bytes)
      var body: [UInt8] = []
      _ = try reader.body(try BodyFraming.ofRequest(head)) { body += $0 }
      guard let answer = answer(Request(head: head, body: body)) else { return }
      try socket.send(Array(answer.utf8))
    }
  }

  /// The answer as it goes over the wire; nil to hang up.
  private func answer(_ request: Request) -> String? {
    record.withLock { record in
      record.requests.append(request)
      let reply = record.script.isEmpty ? Reply.store : record.script.removeFirst()
      switch reply {
      case .store: return Self.take(request, &record, missing: [])
      case .missing(let names): return Self.take(request, &record, missing: names)
      case .storeAndHangUp:
        _ = Self.take(request, &record, missing: [])
        return nil
      case .hangUp: return nil
      case .status(let status, let headers):
        return "HTTP/1.1 \(status) X\r\n\(headers)Content-Length: 0\r\n\r\n"
      case .body(let body): return Self.ok(body)
      }
    }
  }

  private static func take(
    _ request: Request, _ record: inout Record, missing: [String]
  ) -> String {
    let known = record.stored[request.name]
    if let known, known != request.body {
      record.conflicts.append(request.name)
      return "HTTP/1.1 409 Conflict\r\nContent-Length: 0\r\n\r\n"
    }
    record.stored[request.name] = request.body
    let names = record.stored.values.reduce(UInt64(0)) { sum, bytes in
      let batch = try? BatchCodec.decode(bytes)
      return sum + (batch.map { $0.lastSequence - $0.name.sequence + 1 } ?? 0)
    }
    let quoted = missing.map { "\"\($0)\"" }.joined(separator: ",")
    return ok(
      "{\"status\":\"\(known == nil ? "stored" : "duplicate")\",\"name\":\"\(request.name)\","
        + "\"epoch\":\"\(record.epoch)\",\"instance_position\":\(names),\"missing\":[\(quoted)]}")
  }

  private static func ok(_ body: String) -> String {
    "HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
  }
}
