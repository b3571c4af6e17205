import Glibc
import PlainHTTP
import Platform
import Synchronization

/// A name server on a loopback UDP port that says what a test wants it to say (RFC 1035 §4).
final class NameServer: Sendable {
  /// What it does with a question.
  enum Mode: Sendable, Equatable {
    /// Gives these IPv4 addresses with this time to live, and no IPv6 address.
    case addresses([[UInt8]], secondsToLive: UInt32)
    /// Answers with this code: 2 is a failure of the server, 3 says that there is no such name.
    case fault(UInt8)
    case silence
  }

  private let mode: Mutex<Mode>
  private let descriptor: Int32
  private let isStopped = Atomic<Bool>(false)
  private let asked = Atomic<Int>(0)
  let address: Platform.SocketAddress

  init(_ mode: Mode) throws {
    self.mode = Mutex(mode)
    let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
    self.descriptor = descriptor
    var form = sockaddr_in()
    form.sin_family = sa_family_t(AF_INET)
    form.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var limit = timeval(tv_sec: 0, tv_usec: 50_000)
    // Safe: both structs live for the calls.
    let status = unsafe withUnsafePointer(to: &form) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    _ = unsafe setsockopt(
      descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    guard status == 0 else { throw SocketError.failed(call: "bind", code: errno) }
    address = try Syscalls().localAddress(of: descriptor)
    let thread = try SpawnedThread { [self] in serve() }
    _ = thread
  }

  /// Changes what it says from now on.
  func set(_ mode: Mode) { self.mode.withLock { $0 = mode } }

  /// Questions so far.
  var questions: Int { asked.load(ordering: .relaxed) }

  /// Ends the thread within its next wait; it closes the socket.
  func stop() { isStopped.store(true, ordering: .relaxed) }

  private func serve() {
    var question = [UInt8](repeating: 0, count: 1_024)
    while !isStopped.load(ordering: .relaxed) {
      var peer = sockaddr_in()
      var length = socklen_t(MemoryLayout<sockaddr_in>.size)
      // Safe: the buffer has 1,024 bytes and the peer has an IPv4 address.
      let count = unsafe withUnsafeMutablePointer(to: &peer) { pointer in
        unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          unsafe recvfrom(descriptor, &question, 1_024, 0, $0, &length)
        }
      }
      guard count > 12 else { continue }
      asked.wrappingAdd(1, ordering: .relaxed)
      guard let answer = answer(to: Array(question.prefix(count))) else { continue }
      // Safe: both live for the call.
      _ = unsafe withUnsafePointer(to: &peer) { pointer in
        unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          unsafe sendto(descriptor, answer, answer.count, 0, $0, length)
        }
      }
    }
    close(descriptor)
  }

  private func answer(to question: [UInt8]) -> [UInt8]? {
    // The name ends with an empty label; type and class follow.
    guard let end = question[12...].firstIndex(of: 0), end + 5 <= question.count else { return nil }
    let type = question[end + 2]
    let asking = Array(question[12..<(end + 5)])
    func head(code: UInt8, answers: Int) -> [UInt8] {
      Array(question[0..<2]) + [0x81, 0x80 | code, 0, 1, 0, UInt8(answers), 0, 0, 0, 0]
    }
    switch mode.withLock({ $0 }) {
    case .silence: return nil
    case .fault(let code): return head(code: code, answers: 0) + asking
    case .addresses(let addresses, let seconds):
      let mine = type == 1 ? addresses : []
      var bytes = head(code: 0, answers: mine.count) + asking
      for address in mine {
        bytes += [0xC0, 12, 0, 1, 0, 1]
        bytes += (0..<4).map { UInt8(truncatingIfNeeded: seconds >> UInt32(24 - 8 * $0)) }
        bytes += [0, 4] + address
      }
      return bytes
    }
  }
}
