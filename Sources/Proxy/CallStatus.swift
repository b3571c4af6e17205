import HTTPCodec
import Metering
import Platform
import Usage

/// Statuses of gRPC calls and the three classes that they are counted in.
///
/// The classes follow the HTTP status that google.rpc.Code names for each code: 4xx is the client's, 5xx the server's.
/// A response without a status has the one that clients derive from its HTTP status
/// (grpc, doc/http-grpc-status-mapping.md).
enum CallStatus {
  /// The highest code, UNAUTHENTICATED.
  static let last: UInt8 = 16
  /// What a status that cannot be read stands for, UNKNOWN.
  static let unknown: UInt8 = 2

  /// The quantity that a code counts in.
  static func quantity(of code: UInt8) -> Quantity {
    switch code {
    case 0: .grpcOK
    // CANCELLED, INVALID_ARGUMENT, NOT_FOUND, ALREADY_EXISTS, PERMISSION_DENIED, RESOURCE_EXHAUSTED,
    // FAILED_PRECONDITION, ABORTED, OUT_OF_RANGE, UNAUTHENTICATED
    case 1, 3, 5...11, 16: .grpcClientErrors
    // UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE, DATA_LOSS, and codes that do not exist
    default: .grpcServerErrors
    }
  }

  /// The code that a client derives from an HTTP status when a response says none.
  static func derived(fromHTTP status: Int) -> UInt8 {
    switch status {
    case 400: 13
    case 401: 16
    case 403: 7
    case 404: 12
    case 429, 502, 503, 504: 14
    default: unknown
    }
  }

  /// The code in `grpc-status` among these fields, or nil when it is not there.
  ///
  /// One or two digits; anything else, and a code above the last, is UNKNOWN. Of several fields the last holds.
  static func read(_ fields: ContiguousArray<Field>, in bytes: RawSpan) -> UInt8? {
    var found: UInt8?
    for field in fields where field.known == .other {
      guard bytes.matches(field.name, lowercase: "grpc-status") else { continue }
      found = code(field.value, bytes)
    }
    return found
  }

  private static func code(_ value: ByteRange, _ bytes: RawSpan) -> UInt8 {
    guard (1...2).contains(value.count) else { return unknown }
    var code: UInt8 = 0
    for offset in 0..<value.count {
      let digit = bytes[value.start + offset] &- UInt8(ascii: "0")
      guard digit < 10 else { return unknown }
      code = code * 10 + digit
    }
    return code <= last ? code : unknown
  }
}

extension Exchange {
  /// Takes the status of a call from fields of its response; trailers replace what the head said.
  func takeCallStatus(_ fields: ContiguousArray<Field>, in bytes: RawSpan) {
    guard isCall, let code = CallStatus.read(fields, in: bytes) else { return }
    callStatus = code
  }

  /// Adds the exchange's one end and its duration, and for a call of gRPC the class of its status.
  ///
  /// A call that its client left has no status that anybody saw; one that ended before its response was complete
  /// failed at the server's side.
  func addEnd(_ reason: Quantity, elapsed: UInt64, to deltas: inout Deltas) {
    deltas.add(reason, 1)
    deltas.add(.durationMicroseconds, elapsed)
    if isCall { addCallEnd(reason, to: &deltas) }
  }

  private func addCallEnd(_ reason: Quantity, to deltas: inout Deltas) {
    switch reason {
    case .endedClientAbort, .endedCrashed: return
    case .endedCompleted:
      let code = callStatus ?? CallStatus.derived(fromHTTP: responseStatus)
      deltas.add(CallStatus.quantity(of: code), 1)
    case .endedRejected where phase == .answering:
      deltas.add(CallStatus.quantity(of: CallStatus.derived(fromHTTP: responseStatus)), 1)
    default: deltas.add(.grpcServerErrors, 1)
    }
  }
}
