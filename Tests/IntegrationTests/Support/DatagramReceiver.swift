import Glibc
import TestSupport

/// The service manager's end of sd_notify: a Unix-domain datagram socket.
final class DatagramReceiver {
  /// What goes in `NOTIFY_SOCKET`: a path, or `@` and an abstract name.
  let name: String
  private let descriptor: Int32

  /// A receiver in a directory, or in the abstract namespace.
  init(in directory: TemporaryDirectory, isAbstract: Bool) throws {
    let path = directory.file("notify")
    name = isAbstract ? "@weir-test-\(UInt64.random(in: 0...UInt64.max))" : path
    descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(name.utf8)
    // Safe, all: the name is shorter than the field, and each pointer lives for its call.
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { field in
      for (index, byte) in bytes.enumerated() {
        unsafe field[index] = isAbstract && index == 0 ? 0 : byte
      }
    }
    let length = socklen_t(2 + bytes.count + (isAbstract ? 0 : 1))
    let bound = unsafe withUnsafePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe bind(descriptor, $0, length)
      }
    }
    var time = timeval(tv_sec: 20, tv_usec: 0)
    unsafe setsockopt(
      descriptor, SOL_SOCKET, SO_RCVTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
    guard bound == 0 else { throw TestSupportError.process("bind \(name): \(errno)") }
  }

  deinit { close(descriptor) }

  /// The next message; waits at most 20 s.
  func next() throws -> String {
    var bytes = [UInt8](repeating: 0, count: 4_096)
    // Safe: at most `count` bytes are written.
    let count = unsafe bytes.withUnsafeMutableBytes {
      unsafe recv(descriptor, $0.baseAddress, $0.count, 0)
    }
    guard count > 0 else { throw TestSupportError.timedOut("a message at \(name)") }
    return String(decoding: bytes.prefix(count), as: UTF8.self)
  }
}
