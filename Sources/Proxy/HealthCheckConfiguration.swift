/// How an upstream's addresses are checked without a request of a client.
public struct HealthCheckConfiguration: Sendable, Equatable {
  /// What a check does.
  public enum Kind: String, Sendable, CaseIterable {
    /// Makes a connection.
    case tcp
    /// Makes a connection, sends a request and looks at the status.
    case http
    /// Calls gRPC's health service (grpc.health.v1.Health/Check); over HTTP/2 only.
    case grpc
  }
  /// What a check does. Default HTTP.
  public var kind = Kind.http
  /// Target of the request. Default `/`.
  public var path = "/"
  /// Method of the request, GET, HEAD or OPTIONS. Default GET.
  public var method = "GET"
  /// Host of the request; nil for the address itself. Default nil.
  public var host: String?
  /// For gRPC: the service that is asked about, at most 100 bytes; empty for the server as a whole. Default empty.
  public var service = ""
  /// Least status of a well address. Default 200.
  public var statusMin = 200
  /// Greatest status of a well address. Default 299.
  public var statusMax = 299
  /// From one check to the next, in ms; up to a tenth is added or taken off at random. Default 5 s.
  public var intervalMilliseconds = 5_000
  /// How long a check may take, in ms. Default 2 s.
  public var timeoutMilliseconds = 2_000
  /// Good checks in a row after which an address is well again. Default 2.
  public var rise = 2
  /// Failed checks in a row after which it is not. Default 3.
  public var fall = 3

  /// The defaults.
  public init() {}

  func validate(_ place: String) -> [String] {
    var faults: [String] = []
    func check(_ isGood: Bool, _ key: String, _ rule: String) {
      if !isGood { faults.append("\(place).\(key): \(rule)") }
    }
    check(
      path.hasPrefix("/") && path.utf8.allSatisfy { (0x21...0x7E).contains($0) }
        && path.utf8.count <= 1_024, "path", "must begin with / and have no space")
    check(["GET", "HEAD", "OPTIONS"].contains(method), "method", "must be GET, HEAD or OPTIONS")
    check(
      host?.utf8.allSatisfy { (0x21...0x7E).contains($0) } ?? true && host != "", "host",
      "must be a host")
    check(
      statusMin >= 200 && statusMin <= statusMax && statusMax <= 599, "status_min",
      "must be 200 to status_max, which must be at most 599")
    check((10...86_400_000).contains(intervalMilliseconds), "interval_ms", "must be 10 to 86400000")
    check((1...86_400_000).contains(timeoutMilliseconds), "timeout_ms", "must be 1 to 86400000")
    check(service.utf8.count <= 100, "service", "at most 100 bytes")
    check((1...1_000).contains(rise), "rise", "must be 1 to 1000")
    check((1...1_000).contains(fall), "fall", "must be 1 to 1000")
    return faults
  }
}

/// The verdict that checks in a row lead to. Pure.
struct HealthVerdict {
  private(set) var isUp = true
  /// Checks in a row that speak against the verdict.
  private var against = 0

  /// Takes a check's result; true when the verdict turned.
  mutating func note(isGood: Bool, rise: Int, fall: Int) -> Bool {
    guard isGood != isUp else {
      against = 0
      return false
    }
    against += 1
    guard against >= (isUp ? fall : rise) else { return false }
    isUp.toggle()
    against = 0
    return true
  }
}
