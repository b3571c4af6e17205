public import Platform
public import Usage

/// Why the spool or the shipper cannot do something now.
public enum ShippingError: Error, Equatable, Sendable, CustomStringConvertible {
  /// A system call failed on this path.
  case system(SystemError, path: String)
  /// The state file was written in a version that this program does not read.
  case unsupportedState(found: String, supported: Int, path: String)
  /// A file of the spool is not a batch, or two do not merge.
  case batch(BatchError, path: String)
  /// Another process has the spool: one that is being replaced and drains, or a mistake.
  case inUse(path: String)
  /// Faults of the configuration, all of them.
  case invalidConfiguration([String])

  /// One line that names the fault.
  public var description: String {
    switch self {
    case .system(let error, let path): "\(path): \(error)"
    case .unsupportedState(let found, let supported, let path):
      "\(path): spool state version \(found) is not supported; "
        + "this program reads version \(supported)"
    case .batch(let error, let path): "\(path): \(error)"
    case .inUse(let path): "\(path): the spool is used by another process"
    case .invalidConfiguration(let faults):
      "shipping configuration: " + faults.joined(separator: "; ")
    }
  }
}
