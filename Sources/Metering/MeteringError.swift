public import Platform

/// Why the meter cannot start, or a segment cannot be read.
public enum MeteringError: Error, Equatable, Sendable, CustomStringConvertible {
  /// Faults of the configuration, all of them.
  case invalidConfiguration([String])
  /// A system call failed on this path.
  case system(SystemError, path: String)
  /// The file does not begin with a segment's magic.
  case notASegment(path: String)
  /// Written in a version of the format that this program does not read.
  case unsupportedVersion(found: UInt64, supported: UInt64, path: String)
  /// The file contradicts itself.
  case damaged(path: String, reason: String)

  /// One line that names the fault.
  public var description: String {
    switch self {
    case .invalidConfiguration(let faults):
      "metering configuration: " + faults.joined(separator: "; ")
    case .system(let error, let path):
      "\(path): \(error)"
    case .notASegment(let path):
      "\(path): not a segment: the magic bytes are missing"
    case .unsupportedVersion(let found, let supported, let path):
      "\(path): segment format version \(found) is not supported; "
        + "this program reads version \(supported)"
    case .damaged(let path, let reason):
      "\(path): damaged segment: \(reason)"
    }
  }
}
