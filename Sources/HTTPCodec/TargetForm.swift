/// How a request names its target (RFC 9112 §3.2).
public enum TargetForm: Sendable {
  /// `/path?query`
  case origin
  /// `http://authority/path?query`
  case absolute
  /// `host:port`, with CONNECT only
  case authority
  /// `*`, with OPTIONS only
  case asterisk
}
