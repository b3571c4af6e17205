import Testing

@testable import Usage

struct HostilePayloadTests {
  /// Bytes behind a valid envelope, as a hostile or broken sender would make them.
  private func file(of payload: [UInt8]) throws -> [UInt8] {
    var writer = try PayloadWriter()
    writer.append(payload[...])
    return try writer.finish()
  }

  @Test func `a damaged payload is refused or is another valid batch, and never traps`() throws {
    var random = SplitMix64.fromEnvironment()
    let seed = random.seed
    let originals = try [
      BatchSamples.rich, BatchSamples.columns, BatchSamples.merged, BatchSamples.heartbeat,
    ].map { try BatchCodec.payload(of: BatchCodec.encode($0)) }
    var refused = 0

    for _ in 0..<4000 {
      var payload = originals[random.below(originals.count)]
      for _ in 0...random.below(3) { mutate(&payload, &random) }
      do throws(BatchError) {
        let batch = try decode(payload)
        #expect(try BatchCodec.decode(BatchCodec.encode(batch)) == batch, "WEIR_SEED=\(seed)")
      } catch {
        refused += 1
        #expect(!error.description.isEmpty)
      }
    }

    #expect(refused > 1000, "WEIR_SEED=\(seed)")
  }

  private func decode(_ payload: [UInt8]) throws(BatchError) -> Batch {
    var reader = try BatchReader(payload: payload, limits: .init(rowsMax: 1000, binsMax: 100_000))
    var rows: [UsageRow] = []
    while let row = try reader.next() { rows.append(row) }
    return Batch(head: reader.head, rows: rows)
  }

  private func mutate(_ payload: inout [UInt8], _ random: inout SplitMix64) {
    guard !payload.isEmpty else { return }
    let place = random.below(payload.count)
    switch random.below(6) {
    case 0: payload[place] ^= 1 << UInt8(random.below(8))
    case 1: payload[place] = UInt8(truncatingIfNeeded: random.next())
    case 2: payload.remove(at: place)
    case 3: payload.insert([0, 1, 0x7F, 0x80, 0xFF][random.below(5)], at: place)
    case 4: payload.removeSubrange(place...)
    default: payload[place] = [0, 1, 0x7F, 0x80, 0xFF][random.below(5)]
    }
  }

  @Test func `no change of one byte makes rows that could not have been written`() throws {
    var batch = BatchSamples.heartbeat
    batch.rows = ["api", "web"].map { BatchSamples.row("acme", $0, completed: 1) }
    let payload = try BatchCodec.payload(of: BatchCodec.encode(batch))

    for place in payload.indices {
      for value in 0..<4 as Range<UInt8> {
        var changed = payload
        changed[place] = value
        guard let other = try? decode(changed) else { continue }
        #expect(throws: Never.self, "byte \(place) is \(value)") { try BatchCodec.encode(other) }
      }
    }
  }

  @Test(
    arguments: [
      ([(5, 1), (6, 2)], nil), ([(5, 1), (5, 1)], "do not ascend"),
      ([(5, 1), (4, 1)], "do not ascend"), ([(UInt16(HistogramBuckets.count), 1)], "do not ascend"),
      ([(5, 0)], "is listed and empty"), ([(5, BatchCodec.counterMax), (6, 1)], "more than 2^63"),
    ] as [([(UInt16, UInt64)], String?)])
  func `a histogram that breaks a rule is refused with the rule`(
    bins: [(UInt16, UInt64)], fault: String?
  ) {
    var rules = RowRules.Bins()
    for (bucket, count) in bins { rules.check(.init(bucket: bucket, count: count)) }

    #expect((rules.fault == nil) == (fault == nil))
    #expect(fault.map { rules.fault?.contains($0) == true } ?? (rules.total == 3))
  }

  @Test func `a payload that ends anywhere is refused`() throws {
    let payload = try BatchCodec.payload(of: BatchCodec.encode(BatchSamples.rich))

    for length in payload.indices {
      #expect(throws: BatchError.self) { try decode(Array(payload[..<length])) }
    }
  }

  @Test func `a claim of many rows costs nothing when the bytes are not there`() throws {
    var batch = BatchSamples.heartbeat
    batch.listeners = []
    var payload = try BatchCodec.payload(of: BatchCodec.encode(batch))
    // Row count, route count, suffix count, and 37 empty columns of three bytes.
    payload.removeLast(3 + 37 * 3)
    payload += [0x80, 0x80, 0x80, 0x01, 0x00]

    #expect(throws: BatchError.self) { try BatchReader(payload: payload) }
  }

  @Test(
    arguments: [
      [0x80, 0x00], [0x80], [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x02],
      [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x81, 0x00],
    ] as [[UInt8]])
  func `a varint that is long, cut or padded is refused`(bytes: [UInt8]) {
    var cursor = PayloadCursor(0, bytes.count)
    #expect(throws: BatchError.self) { try cursor.varint(bytes) }
  }

  @Test func `the largest varint is read`() throws {
    let bytes: [UInt8] = [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01]
    var cursor = PayloadCursor(0, bytes.count)
    #expect(try cursor.varint(bytes) == .max)
  }

  @Test func `sealing writes every byte of the envelope, whatever stood there`() {
    let frame: [UInt8] = [1, 2, 3, 4, 5]
    var clean = [UInt8](repeating: 0, count: BatchEnvelope.byteCount) + frame
    var used = [UInt8](repeating: 0xFF, count: BatchEnvelope.byteCount) + frame

    BatchEnvelope.seal(&clean, payloadBytes: 3)
    BatchEnvelope.seal(&used, payloadBytes: 3)

    #expect(used == clean)
  }

  @Test func `a frame without content checksum is refused`() throws {
    var bytes = try file(of: [1, 2, 3])
    bytes[44] &= ~0x04
    BatchEnvelope.seal(&bytes, payloadBytes: 3)
    #expect(throws: BatchError.compression("no content checksum")) {
      try BatchCodec.payload(of: bytes)
    }
  }
}
