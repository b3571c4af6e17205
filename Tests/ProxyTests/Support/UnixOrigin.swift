import Glibc
import PlainHTTP
import Platform
import Synchronization
import TestSupport

/// A server on a Unix-domain socket that gives every request the same answer and counts its bytes.
final class UnixOrigin: Sendable {
  let path: String
  private let directory: TemporaryDirectory
  private let listener: Int32
  private let sockets = Mutex<[PlainHTTP.Socket]>([])

  init(answering text: String) throws {
    directory = try TemporaryDirectory()
    path = directory.file("app.sock")
    listener = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    var form = sockaddr_un()
    form.sun_family = sa_family_t(AF_UNIX)
    // Safe: the path is shorter than sun_path, whose rest is zero.
    unsafe withUnsafeMutableBytes(of: &form.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
    // Safe: the form lives for the call.
    let status = unsafe withUnsafePointer(to: &form) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe bind(listener, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    guard status == 0, listen(listener, 16) == 0 else {
      throw SocketError.failed(call: "bind", code: errno)
    }
    let thread = try SpawnedThread { [self] in
      while true {
        let descriptor = accept(listener, nil, nil)
        guard descriptor >= 0 else { return }
        let socket = PlainHTTP.Socket(adopting: descriptor)
        sockets.withLock { $0.append(socket) }
        var reader = ByteReader(socket)
        while let head = try? reader.head(), !head.isEmpty {
          try? socket.send(Array(text.utf8))
        }
      }
    }
    _ = thread
  }

  deinit { stop() }

  /// Accepts no more and ends what is open.
  func stop() {
    shutdown(listener, Int32(SHUT_RDWR))
    sockets.withLock { for socket in $0 { socket.shutdown() } }
  }

  var connections: Int { sockets.withLock { $0.count } }
  var bytesReceived: UInt64 { sockets.withLock { $0.reduce(0) { $0 + $1.bytesReceived } } }
  var bytesSent: UInt64 { sockets.withLock { $0.reduce(0) { $0 + $1.bytesSent } } }
}
