import HTTPCodec
import Platform
import Usage

/// Finds the tenant of a request by the listener's ordered rules.
///
/// A rule that finds nothing passes on to the next; one that finds a bad id does too, but the request is
/// then `~invalid` unless a later rule yields a good one.
struct TenantResolver: Sendable {
  /// What the rules came to. The id itself stands in the scratch buffer.
  enum Resolution: Sendable, Equatable {
    case resolved, unattributed, invalid
  }

  private struct Rule: Sendable {
    enum Source: Sendable {
      case header([UInt8])
      case hostLabel(suffix: [UInt8])
      case pathSegment(prefix: [UInt8])
      case certificate(TLSSession.PeerName, prefix: [UInt8])
      case fixed([UInt8])
    }
    let source: Source
    let foldsCase: Bool
  }
  private enum Found { case nothing, bad, id }

  private let rules: [Rule]

  /// The rules of one listener.
  init(_ configuration: TenantConfiguration, listener: String) {
    rules = configuration.rules
      .filter { $0.listeners.isEmpty || $0.listeners.contains(listener) }
      .map { rule in
        let source: Rule.Source =
          switch rule.source {
          case .header(let name): .header(Array(name.lowercased().utf8))
          case .hostLabel(let suffix): .hostLabel(suffix: Array(suffix.lowercased().utf8))
          case .pathSegment(let prefix): .pathSegment(prefix: Array(prefix.utf8))
          case .certificate(let kind, let prefix): .certificate(kind, prefix: Array(prefix.utf8))
          case .fixed(let id): .fixed(Array(id.text.utf8))
          }
        return Rule(source: source, foldsCase: rule.foldsCase)
      }
  }

  /// Resolves the tenant into `scratch`, which must have room for `TenantID.bytesMax` bytes.
  ///
  /// `isTrusted`: whether the peer may assert a tenant header. Without trust the field is as good as absent.
  /// `certificate`: the names of the client's certificate, if it showed one that verified.
  func resolve(
    _ head: RequestHead, host: ByteRange, in bytes: RawSpan, isTrusted: Bool,
    certificate: CertificateNames? = nil, into scratch: Buffer
  ) -> Resolution {
    var sawBad = false
    for rule in rules {
      scratch.reset()
      switch find(rule, head, host, bytes, isTrusted, certificate, scratch) {
      case .id: return .resolved
      case .bad: sawBad = true
      case .nothing: break
      }
    }
    return sawBad ? .invalid : .unattributed
  }

  @inline(__always)
  private func find(
    _ rule: Rule, _ head: RequestHead, _ host: ByteRange, _ bytes: RawSpan,
    _ isTrusted: Bool, _ certificate: CertificateNames?, _ scratch: Buffer
  ) -> Found {
    switch rule.source {
    case .certificate(let kind, let prefix):
      guard let certificate else { return .nothing }
      return fromCertificate(certificate.names(kind), prefix, rule.foldsCase, scratch)
    case .header(let name):
      guard isTrusted else { return .nothing }
      return fromHeader(name, head, bytes, rule.foldsCase, scratch)
    case .hostLabel(let suffix):
      guard host.count > suffix.count else { return .nothing }
      let label = ByteRange(start: host.start, count: host.count - suffix.count)
      guard bytes.matches(ByteRange(start: label.end, count: suffix.count), lowercase: suffix)
      else {
        return .nothing
      }
      for offset in label.start..<label.end where bytes[offset] == UInt8(ascii: ".") {
        return .nothing
      }
      return take(label, bytes, rule.foldsCase, scratch)
    case .pathSegment(let prefix):
      return fromPath(prefix, head.pathWithoutQuery, bytes, rule.foldsCase, scratch)
    case .fixed(let id):
      scratch.append(id)
      return .id
    }
  }

  private func fromHeader(
    _ name: [UInt8], _ head: RequestHead, _ bytes: RawSpan, _ foldsCase: Bool,
    _ scratch: Buffer
  ) -> Found {
    var value: ByteRange?
    for field in head.fields
    where field.name.count == name.count && bytes.matches(field.name, lowercase: name) {
      // Two assertions contradict each other, even when they agree.
      if value != nil || field.isConnectionOption { return .bad }
      value = field.value
    }
    guard let value else { return .nothing }
    return take(value, bytes, foldsCase, scratch)
  }

  private func fromPath(
    _ prefix: [UInt8], _ path: ByteRange, _ bytes: RawSpan, _ foldsCase: Bool, _ scratch: Buffer
  ) -> Found {
    guard path.count >= prefix.count else { return .nothing }
    for offset in 0..<prefix.count where bytes[path.start + offset] != prefix[offset] {
      return .nothing
    }
    let start = path.start + prefix.count
    var end = start
    while end < path.end && bytes[end] != UInt8(ascii: "/") { end += 1 }
    guard end > start else { return .nothing }
    return take(ByteRange(start: start, end: end), bytes, foldsCase, scratch)
  }

  /// The one name with this prefix; of two that say different things neither is believed.
  private func fromCertificate(
    _ names: [[UInt8]], _ prefix: [UInt8], _ foldsCase: Bool, _ scratch: Buffer
  ) -> Found {
    var match: [UInt8]?
    for name in names where name.count > prefix.count && name.starts(with: prefix) {
      if let match, match != name { return .bad }
      match = name
    }
    guard let match else { return .nothing }
    // Safe: every bit pattern is a valid byte.
    let bytes = unsafe match.span.bytes
    return take(ByteRange(start: prefix.count, end: match.count), bytes, foldsCase, scratch)
  }

  private func take(
    _ range: ByteRange, _ bytes: RawSpan, _ foldsCase: Bool, _ scratch: Buffer
  ) -> Found {
    let candidate = bytes.extracting(range.start..<range.end)
    guard TenantID.isValid(candidate) else { return .bad }
    guard foldsCase else {
      scratch.append(candidate)
      return .id
    }
    for offset in 0..<candidate.byteCount {
      let byte = candidate[offset]
      let isUpper = byte &- UInt8(ascii: "A") < 26
      scratch.append(byte: isUpper ? byte | 0x20 : byte)
    }
    return .id
  }
}
