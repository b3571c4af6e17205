import HTTPCodec
import Metering
import Platform
import Usage

/// What the access log needs of an exchange and nobody else keeps. There is none while the log is off.
///
/// Used again for another exchange; owned by one worker thread.
final class AccessRecord {
  /// Everything that the meter was told of the exchange.
  private(set) var sums = Deltas()
  let method = Buffer(capacity: AccessRecord.methodBytesMax)
  let path: Buffer
  let tenant = Buffer(capacity: TenantID.bytesMax)
  var trace = TraceContext()
  /// Whether `path` lacks its end.
  private(set) var isCut = false
  /// The code of an answer of Weir's own.
  var code: [UInt8] = []
  /// Meter position of the route.
  var route = 0
  /// Where the last attempt went.
  var upstream: Endpoint?
  /// Whether the exchange is logged whatever becomes of it.
  var isSampled = false

  /// Bytes of a method that are kept.
  static let methodBytesMax = 32

  init(pathBytesMax: Int) { path = Buffer(capacity: pathBytesMax) }

  /// Forgets the last exchange.
  func reset() {
    sums.clear()
    method.reset()
    path.reset()
    tenant.reset()
    trace = TraceContext()
    isCut = false
    code = []
    upstream = nil
    isSampled = false
  }

  /// Adds what the meter is told.
  func add(_ deltas: borrowing Deltas) { sums.merge(deltas) }

  /// Takes back what the meter takes back.
  func takeBack(_ deltas: borrowing Deltas) {
    for quantity in Quantity.allCases where deltas[quantity] > 0 {
      sums.values[Int(quantity.rawValue)] = sums[quantity] - deltas[quantity]
    }
  }

  /// Keeps method and path of a head.
  func take(_ head: RequestHead, in bytes: RawSpan, keepsQuery: Bool) {
    Self.copy(head.methodRange, bytes, method)
    var range = keepsQuery ? head.path : head.pathWithoutQuery
    if head.path.isEmpty { range = head.targetForm == .absolute ? .empty : head.target }
    isCut = Self.copy(range, bytes, path)
  }

  /// Why the exchange ended, nil while its end is not counted.
  var end: Quantity? {
    for quantity in Quantity.ended where sums[quantity] > 0 { return quantity }
    return nil
  }

  /// Whether a response head went to the client.
  var hasStatus: Bool {
    sums[.responses2xx] + sums[.responses3xx] + sums[.responses4xx] + sums[.responses5xx] > 0
  }

  /// Copies as much as fits; true when something was left out.
  @discardableResult
  private static func copy(_ range: ByteRange, _ bytes: RawSpan, _ buffer: Buffer) -> Bool {
    let count = min(range.count, buffer.free)
    buffer.append(bytes.extracting(range.start..<range.start + count))
    return count < range.count
  }
}
