import COpenSSLShims

/// Kinds of names in a certificate.
enum CertificateName: Int32 {
  case dns = 0
  case uri = 1
  case commonName = 2
}

/// The names of one kind, at most 128; those that hold a zero byte or are longer than 512 bytes are left out.
@unsafe
func certificateNames(_ certificate: OpaquePointer, _ kind: CertificateName) -> [String] {
  var names: [String] = []
  var room = [UInt8](repeating: 0, count: 512)
  for index in 0..<Int32(128) {
    // Safe: at most 512 bytes are written.
    let length = unsafe room.withUnsafeMutableBytes {
      unsafe weir_certificate_name(
        certificate, kind.rawValue, index, $0.baseAddress?.assumingMemoryBound(to: CChar.self),
        $0.count)
    }
    if length == -1 { break }
    if length > 0 { names.append(String(decoding: room[0..<Int(length)], as: UTF8.self)) }
  }
  return names
}
