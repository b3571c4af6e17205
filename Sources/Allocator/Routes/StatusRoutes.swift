internal import Accounting
internal import Digest
internal import Hummingbird
internal import Store

/// How the allocator and the proxies behind it are doing.
struct StatusRoutes: Sendable {
  /// What it works on.
  let world: AllocatorWorld

  /// The endpoints.
  var endpoints: [Endpoint] {
    [
      .get("/v1/status", status), .get("/v1/audit", roles: Endpoint.operators, audit),
      .get("/v1/backup", roles: Endpoint.operators, backup),
    ]
  }

  @Sendable private func status(_ call: APICall) async throws -> APIReply {
    let proxies = world.configuration.proxies
    let instances = try await world.store.coverage.instances(
      expected: proxies.expected, now: call.now,
      silenceMicroseconds: Int64(proxies.silenceSeconds) * 1_000_000)
    let counts = try await world.store.usage.counts()
    let policy = try await world.store.policies.current()
    return .json(
      .object([
        .init("epoch", .string(world.store.epoch)), .init("now", .string(call.now.description)),
        .init("proxies", .array(instances.map { instance($0, now: call.now) })),
        .init("batches", Self.counts(counts)), .init("policy", .text(policy?.digest.hex)),
      ]))
  }

  private func instance(_ known: KnownInstance, now: UTCInstant) -> JSONValue {
    func age(_ instant: UTCInstant?) -> JSONValue {
      guard let instant else { return .null }
      return .integer(max(0, (now.microseconds - instant.microseconds) / 1_000_000))
    }
    let depth = world.spoolDepths[known.name]
    return .object([
      .init("instance", .string(known.name)), .init("silent", .bool(known.isSilent)),
      .init("last_received", .text(known.lastReceived?.description)),
      .init("seconds_since_received", age(known.lastReceived)),
      .init("seconds_behind", age(known.lastInterval)),
      .init("batches", .integer(known.namesStored)),
      .init("batches_missing", .integer(known.namesMissing)),
      .init("spool_batches", depth.map { .integer($0.batches) } ?? .null),
      .init("spool_bytes", depth.map { .integer($0.bytes) } ?? .null),
    ])
  }

  private static func counts(_ counts: BatchCounts) -> JSONValue {
    .object([
      .init("stored", .integer(counts.batches)), .init("rows", .integer(counts.rows)),
      .init("late", .integer(counts.late)), .init("quarantined", .integer(counts.quarantined)),
      .init("conflicts", .integer(counts.conflicts)),
      .init("unconserved", .integer(counts.unconserved)),
      .init("volatile", .integer(counts.volatile)), .init("recovered", .integer(counts.recovered)),
      .init("clock_stepped", .integer(counts.clockStepped)),
    ])
  }

  @Sendable private func audit(_ call: APICall) async throws -> APIReply {
    let limit = try call.number("limit", default: 100, in: 1...10_000)
    let records = try await world.store.audit.latest(limit).map { entry in
      JSONValue.object([
        .init("sequence", .integer(entry.sequence)),
        .init("at", .string(UTCInstant(microseconds: entry.atMicroseconds).description)),
        .init("by", .string(entry.actor)), .init("action", .string(entry.action)),
        .init("subject", .string(entry.subject)), .init("detail", .string(entry.detail)),
      ])
    }
    return .json(.object([.init("records", .array(records))]))
  }

  /// The whole store as one file: a consistent copy, made first, then streamed.
  @Sendable private func backup(_ call: APICall) async throws -> APIReply {
    try await world.store.audit.append(call.record(.backup, "download"))
    let copy = try await BackupFile.make(of: world.store)
    let body = ResponseBody(contentLength: copy.byteCount) { writer in
      defer { copy.remove() }
      try await copy.write { try await writer.write(ByteBuffer(bytes: $0)) }
      try await writer.finish(nil)
    }
    return APIReply(status: .ok, contentType: "application/vnd.sqlite3", body: body)
  }
}
