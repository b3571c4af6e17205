/// Reads the `name=value` pairs of a log line.
enum LogLine {
  /// The value of `name`, or nil.
  static func value(_ name: String, in line: String) -> String? {
    line.split(separator: " ").first { $0.hasPrefix("\(name)=") }.map {
      String($0.dropFirst(name.utf8.count + 1))
    }
  }

  /// The port of `ADDRESS:PORT`; 0 when there is none.
  static func port(_ address: String?) -> UInt16 {
    address?.split(separator: ":").last.flatMap { UInt16($0) } ?? 0
  }
}
