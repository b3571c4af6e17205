/// Why a message was refused. The connection cannot be used for another message afterwards.
public struct HTTPFault: Error, Sendable, Equatable {
  /// What to answer: 400, 414, 431, 501 or 505 to a client; 502 when it was an upstream's head.
  public let status: Int

  /// The rule that was broken.
  public let code: FaultCode

  /// Offset in the given bytes of the byte, or of the start of the element, that broke it.
  public let offset: Int

  /// Makes a fault that is answered as `code` says.
  public init(_ code: FaultCode, at offset: Int) {
    self.init(code, at: offset, status: code.status)
  }

  /// Makes a fault that is answered with `status`.
  public init(_ code: FaultCode, at offset: Int, status: Int) {
    self.code = code
    self.offset = offset
    self.status = status
  }
}
