/// How an answer of Prometheus is to be understood.
public struct PrometheusQuestion: Hashable, Sendable {
  /// The name of the series.
  public var name: String
  /// The period.
  public var period: Period
  /// The label that names the tenant.
  public var label: String
  /// What the samples measure.
  public var sample: SampleKind
  /// The unit that is wanted.
  public var unit: SeriesUnit
  /// Seconds between samples; each stands for the time from it to the next.
  public var stepSeconds: Int64
  /// Which tenant a label means.
  public var labels: TenantLabels

  /// A question; throws `unusableCosts` when the measure cannot be told in the unit, or the step does
  /// not divide an hour.
  public init(
    name: String, period: Period, label: String, sample: SampleKind, unit: SeriesUnit,
    stepSeconds: Int64, labels: TenantLabels = .identity
  ) throws(AccountingError) {
    guard (1...3_600).contains(stepSeconds), 3_600 % stepSeconds == 0 else {
      throw .unusableCosts(reason: "a step of \(stepSeconds) seconds does not divide an hour")
    }
    guard sample.factor(to: unit, stepSeconds: stepSeconds, period: period) != nil else {
      throw .unusableCosts(
        reason: "samples of \(sample.rawValue) cannot be told in \(unit.name)")
    }
    self.name = name
    self.period = period
    self.label = label
    self.sample = sample
    self.unit = unit
    self.stepSeconds = stepSeconds
    self.labels = labels
  }
}

extension SeriesReading {
  /// Reads the answer of a Prometheus range query (`resultType` `matrix`).
  ///
  /// Samples are added up exactly as written and turned into the unit once for each label. A sample
  /// that is `NaN` is no sample; an infinite or negative one is refused. Throws `unusableCosts`.
  public static func prometheus(
    _ bytes: [UInt8], _ question: PrometheusQuestion
  ) throws(AccountingError) -> SeriesReading {
    let root = try JSONValue(parsing: bytes)
    guard root["status"]?.asString == "success" else {
      throw .unusableCosts(
        reason: "Prometheus says: \(root["error"]?.asString ?? "no status of success")")
    }
    guard root["data"]?["resultType"]?.asString == "matrix",
      let results = root["data"]?["result"]?.asArray
    else { throw .unusableCosts(reason: "the answer is not that of a range query (matrix)") }
    var hours = HoursSeen(question.period)
    var sum = SeriesSum(labels: question.labels)
    var outside = 0
    for result in results {
      let label = result["metric"]?[question.label]?.asString ?? ""
      guard let samples = result["values"]?.asArray else {
        throw .unusableCosts(reason: "a result without values")
      }
      var total = Amount.zero
      for sample in samples {
        guard let (at, text) = Self.sample(sample) else {
          throw .unusableCosts(reason: "\(label): a sample is not a time and a text")
        }
        guard text != "NaN" else { continue }
        guard question.period.contains(at) else {
          outside += 1
          continue
        }
        total = try total.adding(try Self.value(text, label))
        let end = UTCInstant(
          microseconds: at.microseconds + question.stepSeconds * 1_000_000)
        hours.note(at..<end)
      }
      try sum.add(try question.quantity(total), label: label)
    }
    var reading = SeriesReading(
      series: try ExternalSeries(
        name: question.name, unit: question.unit.name, values: sum.values),
      period: question.period)
    reading.expectedHours = hours.count
    reading.missing = hours.missing
    reading.unmapped = sum.unmapped
    reading.outside = outside
    return reading
  }

  private static func sample(_ value: JSONValue) -> (at: UTCInstant, text: String)? {
    guard let pair = value.asArray, pair.count == 2, case .number(let time) = pair[0],
      let text = pair[1].asString, let seconds = try? Amount(parsing: time),
      seconds.units.magnitude < 1 << 100
    else { return nil }
    return (UTCInstant(microseconds: Int64(seconds.units / Amount.unitsPerMicro)), text)
  }

  private static func value(_ text: String, _ label: String) throws(AccountingError) -> Amount {
    let value = try Amount(parsing: text)
    guard value >= .zero else {
      throw .unusableCosts(reason: "\(label) has a sample of \(text), which is negative")
    }
    return value
  }
}

extension PrometheusQuestion {
  /// The sum of samples in the unit, rounded half-even to 18 digits; throws `overflow`.
  func quantity(_ total: Amount) throws(AccountingError) -> Amount {
    guard let factor = sample.factor(to: unit, stepSeconds: stepSeconds, period: period) else {
      preconditionFailure("checked in init")
    }
    let (product, overflow) = total.units.multipliedReportingOverflow(
      by: Int128(factor.numerator))
    guard !overflow else { throw .overflow(operation: "\(total) in \(unit.name)") }
    return Amount(units: Rounding.halfEven(product, over: Int128(factor.denominator)))
  }
}
