/// The versions of HTTP/1; any other version is a fault.
public enum HTTPVersion: Sendable {
  case http10, http11
}
