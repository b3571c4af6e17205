/// Batches as bytes: columnar, compressed, checksummed, and the same bytes for the same content.
///
/// The format is docs/reference/batch-format.md. Encoding and decoding check the same rules, so that
/// no batch is written that would be refused.
public enum BatchCodec {
  /// The version of the format that this program writes. It reads the one before as well.
  public static let version: UInt32 = 2

  /// How many quantities a version has, or nil when it is not known: version 1 ends before `grpcOK`.
  static func quantityCount(ofVersion version: UInt32) -> Int? {
    switch version {
    case 1: Int(Quantity.grpcOK.rawValue)
    case 2: Quantity.count
    default: nil
    }
  }

  /// What a reader is ready to spend on bytes that it has not checked yet.
  public struct Limits: Sendable, Equatable {
    /// The largest decompressed payload, in bytes. Default 256 MiB.
    public var decodedBytesMax: Int
    /// The most rows. Default 4,194,304: four times the default limit of tenants x routes.
    public var rowsMax: Int
    /// The most filled histogram buckets in all rows. Default 33,554,432.
    public var binsMax: Int

    /// Limits, the defaults unless given.
    public init(
      decodedBytesMax: Int = 256 << 20, rowsMax: Int = 4 << 20, binsMax: Int = 32 << 20
    ) {
      precondition(decodedBytesMax >= 0 && rowsMax >= 0 && binsMax >= 0, "a limit is negative")
      self.decodedBytesMax = decodedBytesMax
      self.rowsMax = rowsMax
      self.binsMax = binsMax
    }
  }

  /// The largest value of a counter: what a signed 64-bit column of a database holds.
  public static let counterMax = UInt64(Int64.max)

  /// Encodes a batch. Throws when it breaks a rule of the format.
  public static func encode(_ batch: Batch) throws(BatchError) -> [UInt8] {
    try encode(batch.head, rows: ArrayRowSource(batch.rows))
  }

  /// Encodes rows where they lie.
  ///
  /// Memory beside the result: eight bytes a row and histogram bin, and one LZ4 block.
  public static func encode<Rows: BatchRowSource>(
    _ head: BatchHead, rows: Rows
  ) throws(BatchError) -> [UInt8] {
    try head.validate()
    var writer = try PayloadWriter()
    writer.append(head)
    let plan = try RowPlan(rows)
    plan.write(rows, to: &writer)
    return try writer.finish()
  }

  /// Decodes a batch. For many rows, `BatchReader` hands out one at a time instead.
  public static func decode(
    _ bytes: [UInt8], limits: Limits = Limits()
  ) throws(BatchError) -> Batch {
    var reader = try BatchReader(bytes, limits: limits)
    var rows: [UsageRow] = []
    // Bound: rowsMax; rows are validated one by one, so nothing is reserved for a mere claim.
    while let row = try reader.next() { rows.append(row) }
    return Batch(head: reader.head, rows: rows)
  }

  /// The decompressed payload, its envelope and checksums verified, its content not looked at.
  ///
  /// A digest for telling duplicates from conflicts is made of this: the same content has the same
  /// payload, whichever version of LZ4 compressed it.
  public static func payload(
    of bytes: [UInt8], limits: Limits = Limits()
  ) throws(BatchError) -> [UInt8] {
    try versionedPayload(of: bytes, limits: limits).payload
  }

  /// The same with the version of the format, which says how to read it.
  public static func versionedPayload(
    of bytes: [UInt8], limits: Limits = Limits()
  ) throws(BatchError) -> (payload: [UInt8], version: UInt32) {
    let envelope = try BatchEnvelope(bytes, limits: limits)
    let payload = try LZ4FrameReader.decompress(
      bytes, from: BatchEnvelope.byteCount, count: envelope.payloadBytes)
    return (payload, envelope.version)
  }
}
