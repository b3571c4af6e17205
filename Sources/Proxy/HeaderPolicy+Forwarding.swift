import HTTPCodec
import Platform

extension HeaderPolicy {
  /// Tells the upstream of the client, in the fields that are configured.
  func appendForwarding(
    _ head: RequestHead, _ bytes: RawSpan, _ context: RequestContext, _ output: Buffer
  ) -> Bool {
    var fits = true
    if writesXForwarded { fits = appendXForwarded(head, bytes, context, output) }
    if writesForwarded { fits = fits && appendForwarded(head, bytes, context, output) }
    return fits
      && output.append(
        context.isHTTP2
          ? "\r\nVia: 2 weir"
          : head.version == .http11 ? "\r\nVia: 1.1 weir" : "\r\nVia: 1.0 weir")
  }

  private func appendXForwarded(
    _ head: RequestHead, _ bytes: RawSpan, _ context: RequestContext, _ output: Buffer
  ) -> Bool {
    var fits = output.append("\r\nX-Forwarded-For: ")
    if context.isTrusted && head.contains(.xForwardedFor) {
      fits = fits && appendChain(.xForwardedFor, head, bytes, output)
    }
    fits = fits && context.client.write(to: output)
    if !(context.isTrusted && head.contains(.xForwardedProto)) {
      fits =
        fits
        && output.append(
          context.isEncrypted ? "\r\nX-Forwarded-Proto: https" : "\r\nX-Forwarded-Proto: http")
    }
    if !(context.isTrusted && head.contains(.xForwardedHost)) {
      fits =
        fits && output.append("\r\nX-Forwarded-Host: ")
        && output.append(bytes.bytes(of: head.authority))
    }
    return fits
  }

  /// One more element behind those of a trusted peer (RFC 7239 §4). An authority holds no byte that would have to be
  /// escaped in quotes.
  private func appendForwarded(
    _ head: RequestHead, _ bytes: RawSpan, _ context: RequestContext, _ output: Buffer
  ) -> Bool {
    var fits = output.append("\r\nForwarded: ")
    if context.isTrusted && head.contains(.forwarded) {
      fits = fits && appendChain(.forwarded, head, bytes, output)
    }
    let isIPv6 = context.client.isIPv6
    fits = fits && output.append(isIPv6 ? "for=\"[" : "for=") && context.client.write(to: output)
    fits = fits && output.append(isIPv6 ? "]\";proto=http" : ";proto=http")
    if context.isEncrypted { fits = fits && output.append(byte: UInt8(ascii: "s")) }
    guard !head.authority.isEmpty else { return fits }
    return fits && output.append(";host=\"") && output.append(bytes.bytes(of: head.authority))
      && output.append(byte: UInt8(ascii: "\""))
  }

  /// The values of all fields of a kind, each with a comma behind it.
  private func appendChain(
    _ known: KnownField, _ head: RequestHead, _ bytes: RawSpan, _ output: Buffer
  ) -> Bool {
    var fits = true
    for field in head.fields
    where field.known == known && !field.value.isEmpty && !field.isConnectionOption {
      fits = fits && output.append(bytes.bytes(of: field.value)) && output.append(", ")
    }
    return fits
  }
}
