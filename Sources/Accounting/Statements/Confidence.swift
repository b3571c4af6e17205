/// How an amount is known: parts that sum to it exactly, in micro-units.
///
/// - *measured*: the cost names its tenant, or was split by what Weir or another meter counted;
/// - *hinted*: split by what upstreams said of requests (CPU time, units of the operator's own);
/// - *modelled*: everything else: requests without a hint that were taken to be like those with one,
///   and methods that no measurement stands behind.
public struct Confidence: Hashable, Sendable {
  /// Measured micro-units.
  public var measured: Int64 = 0
  /// Hinted micro-units.
  public var hinted: Int64 = 0
  /// Modelled micro-units.
  public var modelled: Int64 = 0

  /// Nothing.
  public init() {}

  /// The sum of both. Traps past 63 bits, which the sum of a statement cannot pass.
  public static func + (left: Confidence, right: Confidence) -> Confidence {
    var sum = left
    sum.measured += right.measured
    sum.hinted += right.hinted
    sum.modelled += right.modelled
    return sum
  }

  /// How the amount of a line is known.
  ///
  /// The amount is split over the line's drivers by `weight * value / total`; the part of a hint is split
  /// over the requests that had one and those that had none. `usage` is the tenant's own.
  public init(
    micros: Int64, method: String, drivers: [LineDriver], route: String?, usage: HintCounts
  ) throws(AccountingError) {
    guard method != "direct" else {
      measured = micros
      return
    }
    for (driver, part) in zip(drivers, try Self.parts(of: micros, over: drivers)) {
      switch driver.evidence {
      case .measured: measured += part
      case .hinted: hinted += part
      case .hintedRequests:
        let (with, without) = usage.requests(route: route)
        guard with > 0 || without > 0 else {
          hinted += part
          continue
        }
        let halves = try Apportionment.split(
          total: part, over: [("hinted", with), ("modelled", without)])
        hinted += halves[0]
        modelled += halves[1]
      }
    }
    modelled += micros - measured - hinted - modelled
  }

  /// The parts of an amount that each driver stands for; none when all contribute nothing.
  private static func parts(
    of micros: Int64, over drivers: [LineDriver]
  ) throws(AccountingError) -> [Int64] {
    guard drivers.count > 1 else {
      return drivers.first.map { $0.contributes ? [micros] : [] } ?? []
    }
    // weight * value / total of each, over the product of the other totals as common denominator.
    let totals = drivers.map { BigUInt(decimal: $0.total) }
    let weights = drivers.enumerated().map { index, driver in
      totals.enumerated().reduce(driver.contribution()) { product, other in
        other.offset == index || other.element.isZero ? product : product * other.element
      }
    }
    guard weights.contains(where: { !$0.isZero }) else { return [] }
    return try Apportionment.split(
      total: micros, keys: drivers.indices.map { Self.key($0) }, weights: weights)
  }

  /// Keys that order drivers as the policy does; a pool has fewer than a hundred.
  private static func key(_ index: Int) -> String { index < 10 ? "0\(index)" : String(index) }
}

/// How many requests of a tenant had a hint of their CPU time, by route.
public struct HintCounts: Hashable, Sendable {
  private struct Count: Hashable, Sendable {
    var all: UInt64 = 0
    var hinted: UInt64 = 0
  }

  private var byRoute: [String: Count] = [:]

  /// Counts from a tenant's usage.
  public init(_ usage: [UsageLine]) {
    for line in usage {
      let value = UInt64(clamping: line.value)
      switch line.quantity {
      case MeteredQuantity.requests.rawValue: byRoute[line.route, default: Count()].all = value
      case MeteredQuantity.cpuHintedRequests.rawValue:
        byRoute[line.route, default: Count()].hinted = value
      default: break
      }
    }
  }

  /// Requests with and without a hint; of all routes when `route` is nil.
  func requests(route: String?) -> (with: UInt64, without: UInt64) {
    let counts = route.map { [byRoute[$0] ?? Count()] } ?? Array(byRoute.values)
    let hinted = counts.reduce(UInt64(0)) { $0.addingClamped(min($1.hinted, $1.all)) }
    let all = counts.reduce(UInt64(0)) { $0.addingClamped($1.all) }
    return (hinted, all - hinted)
  }
}

extension LineDriver {
  /// What stands behind a driver.
  enum Evidence {
    /// A meter.
    case measured
    /// A hint on every request that it counts.
    case hinted
    /// Hints on some requests, whose number is metered.
    case hintedRequests
  }

  /// What stands behind this driver.
  var evidence: Evidence {
    if name == MeteredQuantity.upstreamCpuUs.rawValue { return .hintedRequests }
    if MeteredQuantity(rawValue: name) != nil { return .measured }
    // Units of the operator's own are told by upstreams; external series come from other meters.
    return unit == MeteredQuantity.unit(of: name) ? .hinted : .measured
  }

  /// Whether `contribution` is more than nothing.
  fileprivate var contributes: Bool { Self.isSome(weight) && Self.isSome(value) }

  /// Whether a decimal has a digit that is not 0, the first 18 after the point.
  private static func isSome(_ text: String) -> Bool {
    var fraction: Int?
    for byte in text.utf8 {
      if byte == UInt8(ascii: ".") { fraction = 0 }
      guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { continue }
      if let count = fraction {
        guard count < 18 else { return false }
        fraction = count + 1
      }
      if byte != UInt8(ascii: "0") { return true }
    }
    return false
  }

  /// `weight * value`, both as whole numbers.
  fileprivate func contribution() -> BigUInt {
    BigUInt(decimal: weight) * BigUInt(decimal: value)
  }
}

extension BigUInt {
  /// A decimal without sign as a whole count of 10^-18; further digits are cut off. Texts that are no
  /// decimals count their digits only.
  fileprivate init(decimal text: String) {
    var digits: [UInt8] = []
    var fraction: Int?
    for byte in text.utf8 {
      if byte == UInt8(ascii: ".") { fraction = 0 }
      guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { continue }
      if let count = fraction {
        guard count < 18 else { break }
        fraction = count + 1
      }
      digits.append(byte - UInt8(ascii: "0"))
    }
    digits += Array(repeating: 0, count: 18 - (fraction ?? 0))
    var value = BigUInt.zero
    for start in stride(from: 0, to: digits.count, by: 18) {
      let group = digits[start..<min(start + 18, digits.count)]
      let number = group.reduce(UInt64(0)) { $0 * 10 + UInt64($1) }
      value = value * .powerOfTen(group.count) + BigUInt(number)
    }
    self = value
  }
}

extension UInt64 {
  fileprivate func addingClamped(_ other: UInt64) -> UInt64 {
    let (sum, overflow) = addingReportingOverflow(other)
    return overflow ? .max : sum
  }
}
