internal import Accounting
internal import Digest
internal import Foundation
internal import Hummingbird
internal import Store

/// External series: drivers that Weir did not meter.
struct SeriesRoutes: Sendable {
  /// What it works on.
  let world: AllocatorWorld

  /// The endpoints.
  var endpoints: [Endpoint] {
    [
      .get("/v1/series", list), .get("/v1/series/{name}", show), .post("/v1/series", load),
      .post("/v1/series/labels", keepLabels), .post("/v1/series/{name}/fetch", fetch),
    ]
  }

  @Sendable private func list(_ call: APICall) async throws -> APIReply {
    let period = try call.queryPeriod()
    let found = try await world.store.series.current(of: period)
    return .json(
      .object([
        .init("period", .string(period.description)),
        .init("series", .array(found.map { .object(SeriesDocument.members($0)) })),
      ]))
  }

  @Sendable private func show(_ call: APICall) async throws -> APIReply {
    let period = try call.queryPeriod()
    let name = try call.parameter("name")
    let found = try await world.store.series.current(of: period)
      .first { $0.series.name == name }
    guard let found else { throw APIError.notFound(what: "series \(name) of \(period)") }
    return .json(
      .object(
        SeriesDocument.members(found) + [.init("values", SeriesDocument.values(found.series))]))
  }

  @Sendable private func load(_ call: APICall) async throws -> APIReply {
    let form = SeriesForm(call)
    let period = try call.queryPeriod()
    let labels = try await labels(call)
    let name = try Self.name(call.query("name"))
    let bytes = try await call.body(atMost: SeriesForm.bodyBytesMax)
    let reading = try form.read(bytes, name: name, period: period, labels: labels)
    return try await store(reading, origin: "\(form.format) file", call)
  }

  @Sendable private func fetch(_ call: APICall) async throws -> APIReply {
    let period = try call.queryPeriod()
    let name = try call.parameter("name")
    guard let source = try sources().first(where: { $0.name == name }) else {
      throw APIError.notFound(what: "series \(name) in the file of series.sources")
    }
    let reading = try await FetchSeries(source: source, period: period, now: call.now).run()
    return try await store(reading, origin: "prometheus \(source.url)", call)
  }

  /// The sources, read anew each time, so that a change needs no restart.
  private func sources() throws -> [SeriesSource] {
    let path = world.configuration.seriesSources
    guard !path.isEmpty else {
      throw APIError.invalid(what: "no file of sources is configured (series.sources)")
    }
    guard let data = FileManager.default.contents(atPath: path) else {
      throw APIError.seriesUnavailable(reason: "cannot read \(path)")
    }
    do {
      return try SeriesSource.decode(try PolicyDocument.tree([UInt8](data)))
    } catch APIError.policyInvalid(let faults) {
      throw APIError.documentInvalid(faults: faults)
    }
  }

  @Sendable private func keepLabels(_ call: APICall) async throws -> APIReply {
    let source = try await call.body(atMost: world.configuration.limits.documentBytes)
    _ = try TenantLabels.decode(source)
    let digest = try await world.store.costs.keepMap(
      source, name: "labels", audit: call.record(.costMapStore, "labels"))
    return .json(.object([.init("sha256", .string(digest.hex))]))
  }

  private func labels(_ call: APICall) async throws -> TenantLabels {
    guard let text = call.query("labels") else { return .identity }
    guard let digest = Digest256(hex: text) else {
      throw APIError.invalid(what: "labels must be the SHA-256 of labels that were stored")
    }
    return try TenantLabels.decode(try await world.store.costs.map(digest).source)
  }

  private func store(
    _ reading: SeriesReading, origin: String, _ call: APICall
  ) async throws -> APIReply {
    let arrival = SeriesStore.Arrival(
      period: reading.period, series: reading.series, origin: origin,
      expectedHours: reading.expectedHours, notes: SeriesDocument.notes(reading).canonicalBytes)
    let name = reading.series.name
    let (stored, isNew) = try await world.store.series.store(
      arrival,
      audit: call.record(
        .seriesStore, "\(name) \(reading.period)",
        "digest=\(SeriesStore.digest(reading.series, reading.period).hex) origin=\(origin)"))
    return .json(
      .object(
        [.init("status", .string(isNew ? "stored" : "unchanged"))]
          + SeriesDocument.members(stored)))
  }

  private static func name(_ text: String?) throws(APIError) -> String {
    guard let text, SourceName.isValid(text) else {
      throw .invalid(what: "name must be 1 to 64 letters, digits, dots, dashes or underscores")
    }
    return text
  }
}

/// The form of a series that somebody loads, from the query of the call.
struct SeriesForm: Sendable {
  /// Bound: a file of a series.
  static let bodyBytesMax = 64 << 20

  /// `csv`, `opencost` or `prometheus`.
  let format: String
  private let label: String?
  private let unit: String?
  private let sample: String?
  private let measure: String?
  private let step: String?

  /// The form that a call asks for.
  init(_ call: APICall) {
    format = call.query("format") ?? "csv"
    label = call.query("label")
    unit = call.query("unit")
    sample = call.query("sample")
    measure = call.query("measure")
    step = call.query("step_seconds")
  }

  /// What a file says; throws `invalid`, `documentInvalid` or `accounting`.
  func read(
    _ bytes: [UInt8], name: String, period: Period, labels: TenantLabels
  ) throws -> SeriesReading {
    switch format {
    case "csv": return try SeriesReading.csv(bytes, name: name, period: period, labels: labels)
    case "opencost":
      guard let measure = OpenCostMeasure(rawValue: measure ?? "") else {
        throw APIError.invalid(what: "measure must be one of \(Self.names(OpenCostMeasure.self))")
      }
      let kind: SampleKind =
        switch measure {
        case .cpu: .cores
        case .gpu: .gpus
        case .ram, .storage: .bytes
        }
      let question = try PrometheusQuestion(
        name: name, period: period, label: label ?? "name", sample: kind, unit: try seriesUnit(),
        stepSeconds: 3_600, labels: labels)
      return try SeriesReading.openCost(bytes, measure, question)
    case "prometheus":
      guard let kind = SampleKind(rawValue: sample ?? "") else {
        throw APIError.invalid(what: "sample must be one of \(Self.names(SampleKind.self))")
      }
      guard let label else { throw APIError.invalid(what: "label is missing") }
      guard let seconds = Int64(step ?? "3600") else {
        throw APIError.invalid(what: "step_seconds must be a number")
      }
      let question = try PrometheusQuestion(
        name: name, period: period, label: label, sample: kind, unit: try seriesUnit(),
        stepSeconds: seconds, labels: labels)
      return try SeriesReading.prometheus(bytes, question)
    default: throw APIError.invalid(what: "format must be csv, opencost or prometheus")
    }
  }

  private func seriesUnit() throws(APIError) -> SeriesUnit {
    guard let found = unit.flatMap({ SeriesUnit($0) }) else {
      throw .invalid(what: "unit must be one of \(SeriesUnit.names)")
    }
    return found
  }

  private static func names<Kind: CaseIterable & RawRepresentable>(
    _ kind: Kind.Type
  ) -> String where Kind.RawValue == String {
    kind.allCases.map(\.rawValue).joined(separator: ", ")
  }
}
