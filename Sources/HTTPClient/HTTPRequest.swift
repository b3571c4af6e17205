/// One request, whole in memory.
public struct HTTPRequest: Sendable {
  /// A field of a head.
  public struct Field: Sendable, Equatable {
    /// In a response: lower case.
    public var name: String
    /// Without white space around it.
    public var value: String

    /// A field.
    public init(_ name: String, _ value: String) {
      self.name = name
      self.value = value
    }
  }

  /// For example `POST`.
  public var method: String
  /// Absolute, `http` or `https`.
  public var url: String
  /// Beside those that the client adds itself: Host, Content-Length, Accept.
  public var headers: [Field]
  /// May be empty. Sent whenever the method is POST, PUT or PATCH or the body is not empty.
  public var body: [UInt8]
  /// For this exchange instead of the client's, when given.
  public var totalTimeoutMilliseconds: Int?

  /// A request.
  public init(
    method: String = "GET", url: String, headers: [Field] = [], body: [UInt8] = [],
    totalTimeoutMilliseconds: Int? = nil
  ) {
    self.method = method
    self.url = url
    self.headers = headers
    self.body = body
    self.totalTimeoutMilliseconds = totalTimeoutMilliseconds
  }
}

/// One final response, whole in memory.
public struct HTTPResponse: Sendable {
  /// For example 200.
  public var status: Int
  /// Names in lower case, in order of arrival.
  public var headers: [HTTPRequest.Field]
  /// Content without framing.
  public var body: [UInt8]

  /// A response.
  public init(status: Int, headers: [HTTPRequest.Field] = [], body: [UInt8] = []) {
    self.status = status
    self.headers = headers
    self.body = body
  }

  /// The value of the first field of that lower-case name.
  public func header(_ name: String) -> String? { headers.first { $0.name == name }?.value }
}
