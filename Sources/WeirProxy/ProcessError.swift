import Metering
import Platform
import Proxy
import Shipping

/// Why the process cannot serve.
enum ProcessError: Error, CustomStringConvertible {
  case proxy(ProxyError)
  case metering(MeteringError)
  case shipping(ShippingError)
  case register(path: String, String)
  case admin(SocketAddress, SystemError)
  /// The running process does not hand over, or nobody can be handed over to.
  case upgrade(String)
  case system(SystemError)

  var description: String {
    switch self {
    case .proxy(let error): "\(error)"
    case .metering(let error): "the meter cannot start: \(error)"
    case .shipping(let error): "the spool cannot be used: \(error)"
    case .register(let path, let fault): "tenant register \(path): \(fault)"
    case .admin(let address, let error): "the admin port cannot listen on \(address): \(error)"
    case .upgrade(let fault): "upgrade: \(fault)"
    case .system(let error): "\(error)"
    }
  }
}
