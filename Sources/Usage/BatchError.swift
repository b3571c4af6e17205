/// Why bytes are not a batch, or a batch cannot become bytes.
///
/// Offsets count from the start of the file for faults of the envelope, and from the start of the
/// decompressed payload for the others; the description says which.
public enum BatchError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The bytes do not begin with a batch's magic.
  case notABatch
  /// Written in a version of the format that this program does not read.
  case unsupportedVersion(found: UInt32, supported: UInt32)
  /// The file ends, or goes on, where its header says otherwise.
  case wrongLength(expected: UInt64, found: UInt64)
  /// A checksum of the envelope does not fit its bytes.
  case checksumMismatch(part: String, stored: UInt32, computed: UInt32)
  /// A declared size is above the reader's limit.
  case tooLarge(what: String, value: UInt64, limit: UInt64)
  /// The LZ4 frame is damaged or not of the kind that batches use.
  case compression(String)
  /// The payload breaks the format at this offset.
  case malformed(offset: Int, reason: String)
  /// The format is kept, and the content breaks a rule of metering; `row` is nil for the head.
  case invalid(row: Int?, reason: String)
  /// These batches do not make one.
  case notMergeable(String)

  /// One line that names the fault.
  public var description: String {
    switch self {
    case .notABatch:
      "not a batch: the magic bytes at file offset 0 are missing"
    case .unsupportedVersion(let found, let supported):
      "batch format version \(found) is not supported; this program reads version \(supported)"
    case .wrongLength(let expected, let found):
      "the batch should be \(expected) bytes long and is \(found)"
    case .checksumMismatch(let part, let stored, let computed):
      "damaged batch: checksum of the \(part) is \(String(computed, radix: 16)), "
        + "the file says \(String(stored, radix: 16))"
    case .tooLarge(let what, let value, let limit):
      "\(what) of \(value) is above the limit of \(limit)"
    case .compression(let reason):
      "LZ4 frame of the batch: \(reason)"
    case .malformed(let offset, let reason):
      "payload offset \(offset): \(reason)"
    case .invalid(let row, let reason):
      row.map { "row \($0): \(reason)" } ?? reason
    case .notMergeable(let reason):
      "batches cannot be merged: \(reason)"
    }
  }
}
