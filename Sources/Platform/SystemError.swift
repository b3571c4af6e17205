import Glibc

/// A system call that failed: which one, and the kernel's reason.
public struct SystemError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The call.
  public let call: Syscall
  /// The kernel's error number, for example `ENOSPC`.
  public let code: Int32

  /// A failure of `call` with error number `code`.
  public init(_ call: Syscall, _ code: Int32) {
    self.call = call
    self.code = code
  }

  /// Whether this process or machine was short of something of its own (descriptors, memory, local ports) when it
  /// was about to connect: that says nothing about the other side, and another address would not help.
  public var isShortage: Bool {
    // All that a registration can lack is memory, or room under the user's bound of watched descriptors.
    if call == .epollControl { return true }
    return [EMFILE, ENFILE, ENOMEM, ENOBUFS, EADDRNOTAVAIL].contains(code)
  }

  /// For example `fsync: No space left on device (28)`.
  public var description: String {
    var text = [CChar](repeating: 0, count: 256)
    // Safe: strerror_r writes at most text.count bytes and ends them with a zero.
    _ = unsafe strerror_r(code, &text, text.count)
    let bytes = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
    return "\(call): \(String(decoding: bytes, as: UTF8.self)) (\(code))"
  }
}

/// The result of moving bytes through a non-blocking descriptor.
public enum IOResult: Equatable, Sendable {
  /// This many bytes moved, at least one.
  case moved(Int)
  /// The other side sent its end of stream (reads only).
  case end
  /// Nothing can move now; readiness will be told.
  case wouldBlock
  /// The descriptor failed with this error number.
  case failed(Int32)
}
