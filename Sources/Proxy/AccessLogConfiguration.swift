/// The access log: one line of JSON for an exchange that has ended. Off without it.
public struct AccessLogConfiguration: Sendable, Equatable {
  /// What is logged whatever the sample says.
  public enum Always: String, Sendable, CaseIterable {
    case status2xx = "2xx"
    case status3xx = "3xx"
    case status4xx = "4xx"
    case status5xx = "5xx"
    /// Answers that Weir made itself.
    case own
    /// Every end but `completed`.
    case failed
  }

  /// The file that lines are appended to, `-` for standard output.
  public var file: String
  /// The share of exchanges that is logged, 0 to 1. Default 1.
  public var sample = 1.0
  /// Logged beside the sample. Default: nothing.
  public var always: [Always] = []
  /// Whether the query is logged with the path. Default false: queries hold tokens and names.
  public var keepsQuery = false
  /// Bytes of a path; a longer one is cut and ends in `…`. Default 1,024.
  public var pathBytesMax = 1_024
  /// Bytes that wait for the writer, of each worker; a line that finds no room is dropped and counted. Default 1 MiB.
  public var ringBytes = 1_048_576

  /// Every exchange, to this file.
  public init(file: String) { self.file = file }

  func validate() -> [String] {
    var faults: [String] = []
    if file.isEmpty { faults.append("access_log.file: is missing") }
    if !(0...1).contains(sample) { faults.append("access_log.sample: must be 0 to 1") }
    if !(64...4_096).contains(pathBytesMax) {
      faults.append("access_log.path_bytes_max: must be 64 to 4096")
    }
    if !(65_536...67_108_864).contains(ringBytes) {
      faults.append("access_log.ring_bytes: must be 65536 to 67108864")
    }
    return faults
  }
}
