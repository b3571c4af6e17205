/// 128 random bits, new at every start of a proxy: a cloned disk or a hot upgrade cannot reuse a name.
public struct BootID: Hashable, Sendable, CustomStringConvertible {
  /// The upper 64 bits.
  public let high: UInt64
  /// The lower 64 bits.
  public let low: UInt64

  /// A boot of these bits.
  public init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// Parses 32 lower-case hexadecimal digits.
  public init?(_ text: String) {
    guard text.utf8.count == 32, text.utf8.allSatisfy(Self.isLowerHex),
      let high = UInt64(text.prefix(16), radix: 16), let low = UInt64(text.suffix(16), radix: 16)
    else { return nil }
    self.init(high: high, low: low)
  }

  /// 32 lower-case hexadecimal digits.
  public var description: String { Self.hex(high) + Self.hex(low) }

  private static func isLowerHex(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte)
  }

  private static func hex(_ value: UInt64) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}

/// The name of a segment and of the batch made from it: fixed when the segment is created.
///
/// `sequence` counts from 0 without holes for each (instance, boot, worker), so the allocator knows which
/// names it should have.
public struct BatchName: Hashable, Sendable, CustomStringConvertible {
  /// The proxy's configured or once-made name: 1 to 64 bytes of `[A-Za-z0-9._-]`, first a letter or digit.
  public let instance: String
  /// The start of the process that counted.
  public let boot: BootID
  /// The worker thread, from 0.
  public let worker: UInt16
  /// Position in the worker's sequence of segments, from 0.
  public let sequence: UInt64

  /// A name, or nil when `instance` breaks its rule.
  public init?(instance: String, boot: BootID, worker: UInt16, sequence: UInt64) {
    guard RouteName(instance) != nil else { return nil }
    self.instance = instance
    self.boot = boot
    self.worker = worker
    self.sequence = sequence
  }

  /// `instance/boot/worker/sequence`, also the idempotency key of a delivery.
  public var description: String { "\(instance)/\(boot)/\(worker)/\(sequence)" }

  /// Parses what `description` writes.
  public init?(_ text: String) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 4, let boot = BootID(String(parts[1])),
      let worker = UInt16(parts[2]), let sequence = UInt64(parts[3])
    else { return nil }
    self.init(instance: String(parts[0]), boot: boot, worker: worker, sequence: sequence)
    guard description == text else { return nil }
  }
}
