import Foundation
import Synchronization

/// A certificate authority of the test's own: makes keys, certificates, revocation lists and OCSP responses with the
/// `openssl` command, all in a directory that goes with it.
///
/// Any thread; one command at a time. A command takes some ten milliseconds, so suites share an authority.
public final class TestAuthority: Sendable {
  /// A certificate and its key, in PEM files; the key is its owner's alone.
  public struct Identity: Sendable {
    /// The certificate's file.
    public let certificate: String
    /// The key's file.
    public let key: String
  }

  /// Kinds of keys.
  public enum Key: Sendable {
    /// ECDSA on P-256.
    case ecdsa
    /// RSA with 2048 bits.
    case rsa

    fileprivate var arguments: [String] {
      switch self {
      case .ecdsa: ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]
      case .rsa: ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]
      }
    }
  }

  /// Where everything is.
  public let directory: TemporaryDirectory
  private let busy = Mutex(())

  /// The authority's own certificate.
  public var certificate: String { directory.file("ca.pem") }

  /// A new authority.
  public init(_ commonName: String = "Weir test authority") throws {
    directory = try TemporaryDirectory()
    let folder = directory.path
    for (name, text) in [("index.txt", ""), ("index.txt.attr", "unique_subject = no\n")] {
      try write(text, to: folder + "/" + name)
    }
    try write("1000\n", to: folder + "/serial")
    try write("01\n", to: folder + "/crlnumber")
    try write(Self.settings(folder), to: folder + "/ca.cnf")
    try busy.withLock { _ in
      try makeKey(.ecdsa, folder + "/ca.key")
      try run([
        "req", "-new", "-x509", "-config", folder + "/ca.cnf", "-extensions", "authority", "-key",
        folder + "/ca.key", "-subj", "/CN=\(commonName)", "-days", "30", "-out", certificate,
      ])
    }
  }

  /// Issues a certificate. `names` are such as `DNS:a.example`, `URI:spiffe://a/b` or `IP:127.0.0.1`; without any,
  /// `extensions` may say something about `subjectAltName` in OpenSSL's own words, or nothing.
  public func issue(
    _ file: String, _ names: [String] = [], commonName: String = "test", key: Key = .ecdsa,
    hasExpired: Bool = false, extensions: String = ""
  ) throws -> Identity {
    let base = directory.file(file)
    let identity = Identity(certificate: base + ".pem", key: base + ".key")
    let alternatives = names.isEmpty ? "" : "subjectAltName=" + names.joined(separator: ",") + "\n"
    try write(
      "basicConstraints=CA:FALSE\n" + alternatives + extensions + "\n", to: base + ".ext")
    let dates =
      hasExpired
      ? ["-startdate", "20200101000000Z", "-enddate", "20200102000000Z"] : ["-days", "20"]
    try busy.withLock { _ in
      try makeKey(key, identity.key)
      try run([
        "req", "-new", "-config", directory.file("ca.cnf"), "-key", identity.key, "-subj",
        commonName.isEmpty ? "/O=none" : "/CN=\(commonName)", "-out", base + ".csr",
      ])
      try run(
        [
          "ca", "-batch", "-notext", "-config", directory.file("ca.cnf"), "-in", base + ".csr",
          "-extfile", base + ".ext", "-out", identity.certificate,
        ] + dates)
    }
    return identity
  }

  /// Takes a certificate back; a list that is made after that has it.
  public func revoke(_ identity: Identity) throws {
    try busy.withLock { _ in
      try run(["ca", "-config", directory.file("ca.cnf"), "-revoke", identity.certificate])
    }
  }

  /// Makes a revocation list (PEM) and returns its file.
  public func revocationList(_ file: String = "list.crl") throws -> String {
    let path = directory.file(file)
    try busy.withLock { _ in
      try run([
        "ca", "-config", directory.file("ca.cnf"), "-gencrl", "-crldays", "10", "-out", path,
      ])
    }
    return path
  }

  /// Makes an OCSP response (DER) that says of a certificate what the authority's register says, and returns its file.
  public func ocspResponse(for identity: Identity) throws -> String {
    let path = identity.certificate + ".ocsp"
    try busy.withLock { _ in
      try run([
        "ocsp", "-issuer", certificate, "-cert", identity.certificate, "-no_nonce", "-reqout",
        path + ".request",
      ])
      try run([
        "ocsp", "-index", directory.file("index.txt"), "-CA", certificate, "-rsigner", certificate,
        "-rkey", directory.file("ca.key"), "-reqin", path + ".request", "-respout", path,
        "-ndays", "5",
      ])
    }
    return path
  }

  /// A copy of a key that asks for a pass phrase.
  public func locked(_ identity: Identity) throws -> String {
    let path = identity.key + ".locked"
    try busy.withLock { _ in
      try run([
        "pkcs8", "-topk8", "-in", identity.key, "-passout", "pass:secret", "-out", path,
      ])
    }
    try setMode(0o600, of: path)
    return path
  }

  /// Sets the permissions of a file.
  public func setMode(_ mode: Int, of path: String) throws {
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
  }

  private func makeKey(_ kind: Key, _ path: String) throws {
    try run(["genpkey"] + kind.arguments + ["-out", path])
    try setMode(0o600, of: path)
  }

  private func run(_ arguments: [String]) throws {
    let process = try ChildProcess(
      "/usr/bin/openssl", arguments, outputIn: directory.path, name: "openssl")
    guard try process.waitForExit(withinMilliseconds: 60_000) == .exited(0) else {
      throw TestSupportError.process(
        "openssl \(arguments.joined(separator: " ")): \(process.errorOutput.suffix(800))")
    }
  }

  private func write(_ text: String, to path: String) throws {
    try Data(text.utf8).write(to: URL(fileURLWithPath: path))
  }

  private static func settings(_ folder: String) -> String {
    """
    [ca]
    default_ca = test
    [test]
    database = \(folder)/index.txt
    serial = \(folder)/serial
    crlnumber = \(folder)/crlnumber
    new_certs_dir = \(folder)
    certificate = \(folder)/ca.pem
    private_key = \(folder)/ca.key
    default_md = sha256
    policy = anything
    unique_subject = no
    [anything]
    commonName = optional
    organizationName = optional
    [req]
    distinguished_name = subject
    prompt = no
    [subject]
    [authority]
    basicConstraints = critical,CA:TRUE
    subjectKeyIdentifier = hash
    keyUsage = critical,keyCertSign,cRLSign,digitalSignature

    """
  }
}
