/// Writes the payload of a batch into its LZ4 frame.
struct PayloadWriter: ~Copyable {
  private var frame: LZ4FrameWriter

  init() throws(BatchError) {
    frame = try LZ4FrameWriter(reserved: BatchEnvelope.byteCount)
  }

  /// Ends the frame and puts the envelope before it.
  consuming func finish() throws(BatchError) -> [UInt8] {
    var (file, payloadBytes) = try frame.finish()
    BatchEnvelope.seal(&file, payloadBytes: payloadBytes)
    return file
  }

  /// One byte.
  @inline(__always)
  mutating func append(byte: UInt8) { frame.append(byte) }

  /// Bytes as they are.
  mutating func append(_ bytes: ArraySlice<UInt8>) { frame.append(bytes) }

  /// Unsigned LEB128, the shortest form.
  @inline(__always)
  mutating func append(varint value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      frame.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    frame.append(UInt8(truncatingIfNeeded: rest))
  }

  /// A signed number, zigzag: 0, -1, 1, -2 … become 0, 1, 2, 3 …
  mutating func append(zigzag value: Int64) {
    append(varint: UInt64(bitPattern: (value << 1) ^ (value >> 63)))
  }

  /// Length and bytes.
  mutating func append(_ text: String) {
    append(varint: UInt64(text.utf8.count))
    append(Array(text.utf8)[...])
  }

  /// Sixteen bytes, most significant first.
  mutating func append(_ boot: BootID) {
    for word in [boot.high, boot.low] {
      for shift in stride(from: UInt64(56), through: 0, by: -8) {
        append(byte: UInt8(truncatingIfNeeded: word >> shift))
      }
    }
  }

  /// The first part of the payload: all but the rows.
  mutating func append(_ head: BatchHead) {
    append(head.name.instance)
    append(head.name.boot)
    append(varint: UInt64(head.name.worker))
    append(varint: head.name.sequence)
    append(varint: head.lastSequence - head.name.sequence)
    append(zigzag: head.interval.startMicroseconds)
    append(zigzag: head.interval.endMicroseconds - head.interval.startMicroseconds)
    append(varint: head.interval.lengthNanoseconds)
    append(varint: UInt64(head.flags.rawValue))
    append(byte: head.predecessor == nil ? 0 : 1)
    if let predecessor = head.predecessor {
      append(predecessor.boot)
      append(varint: UInt64(predecessor.lastSequences.count))
      for sequence in predecessor.lastSequences { append(varint: sequence) }
    }
    append(varint: UInt64(head.units.count))
    for unit in head.units {
      append(unit.name)
      append(unit.unit)
    }
    append(varint: UInt64(head.listeners.count))
    for listener in head.listeners { append(listener) }
  }

  private mutating func append(_ listener: ListenerTotals) {
    append(listener.listener)
    for value in listener.quantities { append(varint: value) }
    for value in listener.connectionQuantities { append(varint: value) }
    append(varint: listener.openStart)
    append(varint: listener.openEnd)
    append(varint: listener.observations)
  }
}
