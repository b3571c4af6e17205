import HTTPCodec
import Platform

/// The one request of an active check over HTTP/2: a plain one, or a call of gRPC's health service.
final class HTTP2Probe: HTTP2SessionDelegate {
  /// What the check has come to.
  enum Outcome: Equatable {
    case pending
    case good
    case failed(String)
  }

  private(set) var outcome = Outcome.pending
  private let configuration: HealthCheckConfiguration
  private var made: HTTP2Session?
  private var request: [UInt8] = []
  private var status: Int?
  private var grpcStatus: [UInt8]?
  private var message: [UInt8] = []

  /// Bytes of an answer that are looked at: a health answer has 7.
  private static let messageBytesMax = 1_024

  /// Nil when there is no memory. `authority` is what the address is called.
  init?(_ configuration: HealthCheckConfiguration, authority: String, isEncrypted: Bool) {
    self.configuration = configuration
    made = HTTP2Session(HTTP2Limits(), as: .client, delegate: self)
    guard let made else { return nil }
    let isGRPC = configuration.kind == .grpc
    let fields = HTTP2Fields()
    func append(_ name: StaticString, _ value: String) {
      // Safe: every bit pattern is a valid byte.
      fields.append(name, unsafe Array(value.utf8).span.bytes)
    }
    append(":method", isGRPC ? "POST" : configuration.method)
    append(":scheme", isEncrypted ? "https" : "http")
    append(":authority", configuration.host ?? authority)
    append(":path", isGRPC ? "/grpc.health.v1.Health/Check" : configuration.path)
    append("user-agent", "weir-health")
    if isGRPC {
      append("content-type", "application/grpc")
      append("te", "trailers")
      request = Self.checkRequest(configuration.service)
    }
    if made.submitRequest(fields, hasContent: isGRPC) == nil { return nil }
  }

  /// `HealthCheckRequest` with its name of a service, if any (field 1), as one message of gRPC.
  private static func checkRequest(_ service: String) -> [UInt8] {
    // At most 100 bytes (`HealthCheckConfiguration.validate`): every length fits one byte.
    let name = Array(service.utf8)
    let message = name.isEmpty ? [] : [0x0A, UInt8(name.count)] + name
    return [0, 0, 0, 0, UInt8(message.count)] + message
  }

  /// Takes what came.
  func receive(_ bytes: RawSpan) {
    if made?.receive(bytes) != nil, outcome == .pending {
      outcome = .failed("the answer was not valid HTTP/2")
    }
  }

  /// Writes what is to be sent as far as there is room.
  func write(to output: Buffer) {
    while output.free >= HTTP2Session.pieceBytesMax,
      made?.send({ bytes, _ in output.append(bytes) }) == true
    {}
  }

  // MARK: - What the session tells

  func field(_ name: RawSpan, _ value: RawSpan, stream: Int32, isFirst: Bool) -> Bool {
    var text: [UInt8] = []
    for offset in 0..<min(16, value.byteCount) { text.append(value[offset]) }
    let all = ByteRange(start: 0, count: name.byteCount)
    if name.matches(all, lowercase: ":status") {
      status = text.reduce(0) { $0 * 10 + Int($1 & 15) }
    } else if name.matches(all, lowercase: "grpc-status") {
      grpcStatus = text
    }
    return true
  }

  func headEnded(_ stream: Int32, isFirst: Bool, endsStream: Bool) {
    guard outcome == .pending, let status, status >= 200 else { return }
    let isGRPC = configuration.kind == .grpc
    let isGood =
      isGRPC ? status == 200 : (configuration.statusMin...configuration.statusMax).contains(status)
    guard isGood else {
      outcome = .failed("the status was \(status)")
      return
    }
    if !isGRPC { outcome = .good }
  }

  func content(_ bytes: RawSpan, stream: Int32) {
    let room = Self.messageBytesMax - message.count
    for offset in 0..<min(room, bytes.byteCount) { message.append(bytes[offset]) }
  }

  func peerEnded(_ stream: Int32) {
    guard outcome == .pending else { return }
    guard let grpcStatus else {
      outcome = .failed("the answer had no grpc-status")
      return
    }
    guard grpcStatus == [UInt8(ascii: "0")] else {
      outcome = .failed("the gRPC status was \(String(decoding: grpcStatus, as: UTF8.self))")
      return
    }
    outcome = Self.isServing(message) ? .good : .failed("the service is not serving")
  }

  /// Whether a message is `HealthCheckResponse` with the status SERVING, 1 in field 1.
  private static func isServing(_ message: [UInt8]) -> Bool { message == [0, 0, 0, 0, 2, 0x08, 1] }

  func closed(_ stream: Int32, code: UInt32) {
    if outcome == .pending { outcome = .failed("the stream was reset with code \(code)") }
  }

  func fill(_ room: UnsafeMutableRawBufferPointer, stream: Int32) -> HTTP2Content {
    let count = min(room.count, request.count)
    // Safe: `count` is bounded by both.
    for offset in 0..<count {
      unsafe room.storeBytes(of: request[offset], toByteOffset: offset, as: UInt8.self)
    }
    request.removeFirst(count)
    return request.isEmpty ? .last(count) : .some(count)
  }

  func frameBegins(_ kind: HTTP2FrameKind, stream: Int32, length: Int) {}
  func frameEnded(_ kind: HTTP2FrameKind, stream: Int32, length: Int) {}
  func headBegins(_ stream: Int32) {}
}
