import Platform
import Proxy

/// What two processes say to each other when one takes over from the other, one text a message.
///
///     new                                         old
///      │ hello 1 0.1.0 PID                          │
///      │ ──────────────────────────────────────────▶│
///      │            welcome 1 0.1.0 PID COUNT       │   or: refused REASON, and the end
///      │ ◀──────────────────────────────────────────│
///      │   COUNT x: socket KIND NAME ADDRESS ADDRESS│   each with its descriptor (SCM_RIGHTS)
///      │ ◀──────────────────────────────────────────│
///      │  (binds what is missing, starts to serve)  │
///      │ serving                                    │
///      │ ──────────────────────────────────────────▶│
///      │                                   draining │
///      │ ◀──────────────────────────────────────────│   stops accepting, drains, ends
///
/// When the new process is gone before `serving`, or needs longer than the old one waits, the old one closes the
/// connection and goes on as if nothing had been; a new process that finds it closed drains and ends.
enum UpgradeMessage: Equatable {
  /// The new process: version of this protocol, version of the program, its process id.
  case hello(protocolVersion: Int, program: String, pid: Int32)
  /// The old process agrees: the same of itself, and how many sockets follow.
  case welcome(protocolVersion: Int, program: String, pid: Int32, sockets: Int)
  /// The old process does not hand over.
  case refused(String)
  /// A listener's socket: its name, the address in the configuration, the address that it is bound to.
  case listener(name: String, configured: String, address: String)
  /// The admin port's socket.
  case admin(configured: String, address: String)
  /// The new process accepts connections.
  case serving
  /// The old process accepts no more.
  case draining

  /// The version of this protocol.
  static let version = 1

  /// How it travels.
  var text: String {
    switch self {
    case .hello(let version, let program, let pid): "hello \(version) \(program) \(pid)"
    case .welcome(let version, let program, let pid, let sockets):
      "welcome \(version) \(program) \(pid) \(sockets)"
    case .refused(let reason): "refused \(reason)"
    case .listener(let name, let configured, let address):
      "socket listener \(name) \(configured) \(address)"
    case .admin(let configured, let address): "socket admin - \(configured) \(address)"
    case .serving: "serving"
    case .draining: "draining"
    }
  }

  /// Reads a message; nil when it is none of these.
  init?(_ text: String) {
    let words = text.split(separator: " ").map(String.init)
    switch words.first {
    case "hello":
      guard words.count >= 4, let version = Int(words[1]), let pid = Int32(words[3])
      else { return nil }
      self = .hello(protocolVersion: version, program: words[2], pid: pid)
    case "welcome":
      guard words.count >= 5, let version = Int(words[1]), let pid = Int32(words[3]),
        let sockets = Int(words[4]), (0...Self.socketsMax).contains(sockets)
      else { return nil }
      self = .welcome(protocolVersion: version, program: words[2], pid: pid, sockets: sockets)
    case "refused": self = .refused(words.dropFirst().joined(separator: " "))
    case "socket":
      guard words.count == 5 else { return nil }
      switch words[1] {
      case "listener": self = .listener(name: words[2], configured: words[3], address: words[4])
      case "admin": self = .admin(configured: words[3], address: words[4])
      default: return nil
      }
    case "serving": self = .serving
    case "draining": self = .draining
    default: return nil
    }
  }

  /// Bound: 4,096 listeners of 1,024 workers, and the admin port.
  static let socketsMax = 4_096 * 1_024 + 1

  /// How long either side waits for the other's next message.
  static let waitMilliseconds = 10_000
}

extension MessageSocket {
  /// Sends a message.
  func send(_ message: UpgradeMessage, descriptor: Int32? = nil) throws(SystemError) {
    try send(message.text, descriptor: descriptor)
  }
}

/// What a process takes over.
struct Inheritance {
  /// The sockets of the former process's listeners.
  var listeners: [InheritedSocket] = []
  /// The socket of its admin port.
  var admin: InheritedSocket?
}
