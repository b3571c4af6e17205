import Testing

@testable import Usage

struct BatchCodecTests {
  @Test func `random batches come back as they were`() throws {
    var random = SplitMix64.fromEnvironment()
    let seed = random.seed

    for _ in 0..<100 {
      let batch = BatchSamples.random(&random)
      let encoded = try BatchCodec.encode(batch)

      #expect(try BatchCodec.decode(encoded) == batch, "WEIR_SEED=\(seed)")
      #expect(try BatchCodec.encode(batch) == encoded, "WEIR_SEED=\(seed)")
    }
  }

  @Test func `the order of a source's route table does not change the bytes`() throws {
    let source = ArrayRowSource(BatchSamples.rich.rows)
    let head = BatchSamples.rich.head

    #expect(
      try BatchCodec.encode(head, rows: source)
        == BatchCodec.encode(head, rows: ReversedRoutes(source)))
  }

  @Test func `a newer version is refused and both versions are named`() throws {
    var file = try BatchCodec.encode(BatchSamples.heartbeat)
    file[8] = 3

    let error = #expect(throws: BatchError.self) { try BatchCodec.decode(file) }

    #expect(error == .unsupportedVersion(found: 3, supported: 2))
    #expect(error?.description.contains("version 3") == true)
    #expect(error?.description.contains("version 2") == true)
  }

  @Test func `a payload above the limit is refused before it is decompressed`() throws {
    let file = try BatchCodec.encode(BatchSamples.columns)
    let size = try BatchCodec.payload(of: file).count

    _ = try BatchCodec.decode(file, limits: .init(decodedBytesMax: size))

    #expect(
      throws: BatchError.tooLarge(
        what: "decompressed payload", value: UInt64(size), limit: UInt64(size - 1))
    ) {
      try BatchCodec.decode(file, limits: .init(decodedBytesMax: size - 1))
    }
  }

  @Test func `more rows or bins than the limit are refused`() throws {
    let file = try BatchCodec.encode(BatchSamples.columns)

    #expect(throws: BatchError.tooLarge(what: "number of rows", value: 300, limit: 299)) {
      try BatchReader(file, limits: .init(rowsMax: 299))
    }
    #expect(throws: BatchError.tooLarge(what: "number of histogram bins", value: 450, limit: 449)) {
      try BatchReader(file, limits: .init(binsMax: 449))
    }
  }

  @Test func `a frame that holds more or less than its header says is refused`() throws {
    for change in [-1, 1] {
      var file = try BatchCodec.encode(BatchSamples.rich)
      let size = try BatchCodec.payload(of: file).count
      BatchEnvelope.seal(&file, payloadBytes: UInt64(size + change))
      #expect(throws: BatchError.self) { try BatchCodec.payload(of: file) }
    }
  }

  @Test func `a declared size that no frame could hold is refused without allocating`() throws {
    var file = try BatchCodec.encode(BatchSamples.heartbeat)
    BatchEnvelope.seal(&file, payloadBytes: 200 << 20)

    #expect(throws: BatchError.self) { try BatchCodec.payload(of: file) }
  }

  @Test(arguments: RuleBreak.allCases)
  func `a batch that breaks a rule is not written`(rule: RuleBreak) throws {
    var batch = BatchSamples.rich
    rule.apply(to: &batch)

    #expect(throws: BatchError.self) { try BatchCodec.encode(batch) }
  }

  @Test func `content longer than a block of the frame comes back`() throws {
    var random = SplitMix64.fromEnvironment()
    let seed = random.seed
    var batch = BatchSamples.heartbeat
    batch.rows = (0..<5000).map { index in
      var row = BatchSamples.row("tenant-\(10_000 + index)", "api", completed: 1)
      for index in 13..<27 { row.quantities[index] = random.next() >> 1 }
      return row
    }

    let file = try BatchCodec.encode(batch)

    #expect(try BatchCodec.payload(of: file).count > 2 * LZ4FrameWriter.blockBytes)
    #expect(try BatchCodec.decode(file) == batch, "WEIR_SEED=\(seed)")
  }
}

/// A rule of the format, and how to break it.
enum RuleBreak: CaseIterable {
  case unsortedTenants, unsortedRoutes, duplicateRow, conservation, fiveUnits, unnamedUnit
  case listenerWithSpace, listenerTwice, lastBeforeFirst, spanWithoutMerge, unknownFlag
  case counterTooLarge, endedOverflow

  func apply(to batch: inout Batch) {
    switch self {
    case .unsortedTenants: batch.rows.swapAt(1, 2)
    case .unsortedRoutes: batch.rows.swapAt(0, 1)
    case .duplicateRow: batch.rows.insert(batch.rows[0], at: 0)
    case .conservation: batch.rows[1][.requests] += 1
    case .fiveUnits: batch.units = (0..<5).map { UnitDeclaration(name: "u\($0)", unit: "x") }
    case .unnamedUnit: batch.units[0].name = ""
    case .listenerWithSpace: batch.listeners[0].listener = "a b"
    case .listenerTwice: batch.listeners[1].listener = "public"
    case .lastBeforeFirst: batch.lastSequence = 6
    case .spanWithoutMerge: batch.lastSequence = 8
    case .unknownFlag: batch.flags = BatchFlags(rawValue: 1 << 5)
    case .counterTooLarge: batch.rows[0][.requestBytes] = 1 << 63
    case .endedOverflow:
      for quantity in Quantity.ended { batch.rows[0][quantity] = BatchCodec.counterMax }
    }
  }
}

/// The same rows with the route table turned round.
struct ReversedRoutes: BatchRowSource {
  private let source: ArrayRowSource
  init(_ source: ArrayRowSource) { self.source = source }
  var rowCount: Int { source.rowCount }
  var routes: [RouteName] { source.routes.reversed() }
  func appendTenant(of row: Int, to bytes: inout [UInt8]) {
    source.appendTenant(of: row, to: &bytes)
  }
  func route(of row: Int) -> Int { source.routes.count - 1 - source.route(of: row) }
  func quantity(of row: Int, at index: Int) -> UInt64 { source.quantity(of: row, at: index) }
  func openExchanges(of row: Int) -> (start: UInt64, end: UInt64) { source.openExchanges(of: row) }
  func clampedObservations(of row: Int) -> (low: UInt64, high: UInt64) {
    source.clampedObservations(of: row)
  }
  func visitBins(of row: Int, _ body: (SparseHistogram.Bin) -> Void) {
    source.visitBins(of: row, body)
  }
}
