/// What an OpenCost allocation measures, as a driver.
public enum OpenCostMeasure: String, CaseIterable, Hashable, Sendable {
  /// `cpuCoreHours`.
  case cpu
  /// `gpuHours`.
  case gpu
  /// `ramByteHours`.
  case ram
  /// `pvByteHours`.
  case storage

  var member: String {
    switch self {
    case .cpu: "cpuCoreHours"
    case .gpu: "gpuHours"
    case .ram: "ramByteHours"
    case .storage: "pvByteHours"
    }
  }

  /// The samples that hours of it are the sum of: an hour is a step.
  var sample: SampleKind {
    switch self {
    case .cpu: .cores
    case .gpu: .gpus
    case .ram, .storage: .bytes
    }
  }
}

extension SeriesReading {
  /// Reads a driver from an OpenCost allocation answer.
  ///
  /// The label is the allocation's name, a property (`namespace`, `controller` …) or `label:KEY`. What
  /// nobody used (`__idle__`) is no usage and left out. An allocation that reaches over the end of the
  /// period is refused. Throws `unusableCosts`.
  public static func openCost(
    _ bytes: [UInt8], _ measure: OpenCostMeasure, _ question: PrometheusQuestion
  ) throws(AccountingError) -> SeriesReading {
    var hours = HoursSeen(question.period)
    var sum = SeriesSum(labels: question.labels)
    var outside = 0
    for allocation in try OpenCostAllocation.list(bytes) where allocation.name != "__idle__" {
      guard let window = allocation.window else {
        throw .unusableCosts(reason: "\(allocation.name): the window is not a time range")
      }
      guard question.period.contains(window.lowerBound) else {
        outside += 1
        continue
      }
      guard window.upperBound <= question.period.end else {
        throw .unusableCosts(
          reason: "\(allocation.name): the window ends at \(window.upperBound), after the period")
      }
      guard let text = MappedRowDecoder.scalar(allocation.value[measure.member]) else {
        throw .unusableCosts(reason: "\(allocation.name) has no \(measure.member)")
      }
      hours.note(window)
      let quantity = try question.quantity(try Amount(parsing: text))
      try sum.add(quantity, label: allocation.label(question.label))
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
}

extension OpenCostAllocation {
  /// The value by which tenants are told apart: `name`, a property, or `label:KEY`.
  func label(_ key: String) -> String {
    if key == "name" || key.isEmpty { return name }
    if key.hasPrefix("label:") { return labels[String(key.dropFirst(6))] ?? "" }
    return properties[key] ?? ""
  }
}
