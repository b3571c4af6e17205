import HTTPCodec
import Platform
import Usage

/// What an upstream said one request cost, collected from the head and then the trailers of its response.
///
/// A trailer's value replaces the head's of the same name. Absent is not zero: nil stays nil.
struct CostHints {
  var cpuMicroseconds: UInt64?
  /// Micro-units of the four declared units.
  var units: InlineArray<4, UInt64?> = [nil, nil, nil, nil]
  /// Which of them an ORCA report gave, as bits; bit 4 for the CPU time. What it says goes before anything else.
  var fromORCA: UInt8 = 0
  /// Hints that were there and could not be used.
  var rejected: UInt64 = 0
}

/// Reads the cost hints of one upstream by its configuration.
///
/// A field longer than 4 KiB, a metric list of more than 32, a negative or non-decimal number and a CPU time
/// above wall time x cores x 1.1 are rejected and counted.
final class CostHintReader: Sendable {
  static let fieldBytesMax = 4_096
  static let metricsMax = 32
  /// 10^9 units of one request. Sums of an interval must stay below 2^63, or no batch could hold them.
  static let unitMillionthsMax: UInt64 = 1_000_000_000_000_000

  private let cpuMetrics: [[UInt8]]
  private let unitFields: [(name: [UInt8], unit: Int)]
  private let orcaCPU: [(name: [UInt8], microseconds: Double)]
  private let orcaUnits: [(name: [UInt8], unit: Int)]
  private let cores: UInt64
  private let passesThrough: Bool
  /// Whether nothing is read and nothing is removed.
  let isEmpty: Bool

  /// Reads nothing.
  static let none = CostHintReader(HintConfiguration())

  /// The reader of one upstream.
  init(_ configuration: HintConfiguration) {
    cpuMetrics = configuration.cpuMetrics.map { Array($0.lowercased().utf8) }
    unitFields = configuration.unitFields.map { (Array($0.field.lowercased().utf8), $0.unit) }
    orcaCPU = configuration.orcaCPU.map {
      (Array($0.utf8), HintConfiguration.microseconds(ofName: $0) ?? 0)
    }
    orcaUnits = configuration.orcaUnits.map { (Array($0.field.utf8), $0.unit) }
    cores = UInt64(configuration.cores)
    passesThrough = configuration.passesThrough
    isEmpty = configuration.isEmpty
  }

  /// Whether a response field goes on to the client: hint fields do not, unless they are passed through.
  @inline(__always)
  func passesOn(_ field: Field, _ bytes: RawSpan) -> Bool {
    if isEmpty || passesThrough { return true }
    if field.known == .serverTiming { return cpuMetrics.isEmpty }
    guard field.known == .other else { return true }
    if readsORCA && Self.isORCA(field, bytes) != nil { return false }
    for (name, _) in unitFields where bytes.matches(field.name, lowercase: name) { return false }
    return true
  }

  /// Reads every hint in these fields into `hints`.
  func read(_ fields: ContiguousArray<Field>, in bytes: RawSpan, into hints: inout CostHints) {
    guard !isEmpty else { return }
    var cpu: UInt64?
    if readsORCA { readORCA(fields, bytes, &hints) }
    for field in fields {
      if field.known == .serverTiming && !cpuMetrics.isEmpty {
        guard field.value.count <= Self.fieldBytesMax else {
          hints.rejected += 1
          continue
        }
        readServerTiming(field.value, bytes, &cpu, &hints)
      } else if field.known == .other {
        readUnits(field, bytes, &hints)
      }
    }
    if let cpu, hints.fromORCA & 16 == 0 { hints.cpuMicroseconds = cpu }
  }

  private var readsORCA: Bool { !orcaCPU.isEmpty || !orcaUnits.isEmpty }

  /// Which of its two names a field has that holds an ORCA report; nil for none.
  private static func isORCA(_ field: Field, _ bytes: RawSpan) -> Bool? {
    if bytes.matches(field.name, lowercase: "endpoint-load-metrics-bin") { return true }
    return bytes.matches(field.name, lowercase: "endpoint-load-metrics") ? false : nil
  }

  /// Reads an ORCA report; when there are two, the binary one is it, however bad.
  private func readORCA(
    _ fields: ContiguousArray<Field>, _ bytes: RawSpan, _ hints: inout CostHints
  ) {
    var found: (field: Field, isBinary: Bool)?
    for field in fields where field.known == .other {
      guard let isBinary = Self.isORCA(field, bytes) else { continue }
      if found == nil || isBinary { found = (field, isBinary) }
    }
    guard let (field, isBinary) = found else { return }
    guard field.value.count <= Self.fieldBytesMax,
      let report = isBinary
        ? OrcaReport(base64: field.value, in: bytes) : OrcaReport(text: field.value, in: bytes)
    else {
      hints.rejected += 1
      return
    }
    var cpu: Double?
    for (name, microseconds) in orcaCPU {
      if let value = report[name] { cpu = (cpu ?? 0) + value * microseconds }
    }
    // 2^53: up to there a Double holds every microsecond.
    if let cpu, cpu < 9_007_199_254_740_992 {
      hints.cpuMicroseconds = UInt64(cpu.rounded())
      hints.fromORCA |= 16
    } else if cpu != nil {
      hints.rejected += 1
    }
    for (name, unit) in orcaUnits {
      guard let value = report[name] else { continue }
      guard value <= Double(Self.unitMillionthsMax) / 1_000_000 else {
        hints.rejected += 1
        continue
      }
      hints.units[unit] = UInt64((value * 1_000_000).rounded())
      hints.fromORCA |= 1 << UInt8(unit)
    }
  }

  /// The CPU time to count, or nil: it must be possible in the wall time that the upstream took.
  func plausibleCPU(_ hints: inout CostHints, upstreamMicroseconds: UInt64) -> UInt64? {
    guard let cpu = hints.cpuMicroseconds else { return nil }
    // A millisecond of slack: clocks of two machines and coarse timers may differ by as much.
    let (wall, overflow) = (upstreamMicroseconds + 1_000).multipliedReportingOverflow(by: cores)
    let (bound, carry) = wall.addingReportingOverflow(wall / 10)
    guard overflow || carry || cpu <= bound else {
      hints.rejected += 1
      return nil
    }
    return cpu
  }

  private func readUnits(_ field: Field, _ bytes: RawSpan, _ hints: inout CostHints) {
    for (name, unit) in unitFields where bytes.matches(field.name, lowercase: name) {
      if hints.fromORCA & 1 << UInt8(unit) != 0 { continue }
      if let value = Self.millionths(field.value, bytes), value <= Self.unitMillionthsMax {
        hints.units[unit] = value
      } else {
        hints.rejected += 1
      }
    }
  }

  /// `#metric`, `metric = name *( ; param )`, of which `dur` in milliseconds counts (W3C Server-Timing).
  private func readServerTiming(
    _ value: ByteRange, _ bytes: RawSpan, _ cpu: inout UInt64?, _ hints: inout CostHints
  ) {
    var list = TokenList(value)
    var seen = 0
    while let metric = list.next(bytes) {
      seen += 1
      // Bound: metricsMax names a field.
      guard seen <= Self.metricsMax else {
        hints.rejected += 1
        return
      }
      var parameters = Parameters(metric)
      guard let name = parameters.next(bytes), isCPU(name, bytes) else { continue }
      while let parameter = parameters.next(bytes) {
        guard let duration = Self.value(of: parameter, named: "dur", bytes) else { continue }
        if let millionths = Self.millionths(duration, bytes) {
          // Millionths of a millisecond to microseconds, half up. 32 of them cannot overflow.
          cpu = (cpu ?? 0) + millionths / 1_000 + (millionths % 1_000 >= 500 ? 1 : 0)
        } else {
          hints.rejected += 1
        }
        // The first of a repeated parameter wins.
        break
      }
    }
  }

  private func isCPU(_ name: ByteRange, _ bytes: RawSpan) -> Bool {
    for metric in cpuMetrics where bytes.matches(name, lowercase: metric) { return true }
    return false
  }

  /// The value of `name=value` (spaces around `=` allowed, quotes removed), if it has that name.
  private static func value(
    of parameter: ByteRange, named name: StaticString, _ bytes: RawSpan
  ) -> ByteRange? {
    var equals = parameter.start
    while equals < parameter.end && bytes[equals] != UInt8(ascii: "=") { equals += 1 }
    guard equals < parameter.end else { return nil }
    var nameEnd = equals
    while nameEnd > parameter.start && isBlank(bytes[nameEnd - 1]) { nameEnd -= 1 }
    let key = ByteRange(start: parameter.start, end: nameEnd)
    guard bytes.matches(key, lowercase: name) else { return nil }
    var start = equals + 1
    while start < parameter.end && isBlank(bytes[start]) { start += 1 }
    var end = parameter.end
    if end - start >= 2 && bytes[start] == 0x22 && bytes[end - 1] == 0x22 {
      start += 1
      end -= 1
    }
    return ByteRange(start: start, end: end)
  }

  /// A decimal number without sign or exponent in millionths; digits past the sixth are cut.
  static func millionths(_ range: ByteRange, _ bytes: RawSpan) -> UInt64? {
    // Bound: 40 digits say nothing more that fits.
    guard range.count >= 1 && range.count <= 40 else { return nil }
    var value: UInt64 = 0
    var fraction = -1
    var digits = 0
    for offset in range.start..<range.end {
      let byte = bytes[offset]
      if byte == UInt8(ascii: ".") {
        guard fraction < 0 else { return nil }
        fraction = 0
        continue
      }
      let digit = byte &- UInt8(ascii: "0")
      guard digit < 10 else { return nil }
      digits += 1
      if fraction == 6 { continue }
      if fraction >= 0 { fraction += 1 }
      let (product, overflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, carry) = product.addingReportingOverflow(UInt64(digit))
      if overflow || carry { return nil }
      value = sum
    }
    guard digits > 0 else { return nil }
    for _ in max(0, fraction)..<6 {
      let (product, overflow) = value.multipliedReportingOverflow(by: 10)
      if overflow { return nil }
      value = product
    }
    return value
  }

  fileprivate static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
}

/// Walks over the parts of `name ; a=b ; c="d;e"`.
private struct Parameters {
  private var at: Int
  private let end: Int

  init(_ element: ByteRange) {
    at = element.start
    end = element.end
  }

  /// The next part without the blanks around it; empty parts are passed over.
  mutating func next(_ bytes: RawSpan) -> ByteRange? {
    while at < end {
      var start = at
      var isQuoted = false
      var stop = at
      while stop < end && (isQuoted || bytes[stop] != UInt8(ascii: ";")) {
        if bytes[stop] == 0x22 { isQuoted.toggle() }
        stop += 1
      }
      at = stop + 1
      while start < stop && CostHintReader.isBlank(bytes[start]) { start += 1 }
      while stop > start && CostHintReader.isBlank(bytes[stop - 1]) { stop -= 1 }
      if stop > start { return ByteRange(start: start, end: stop) }
    }
    return nil
  }
}
