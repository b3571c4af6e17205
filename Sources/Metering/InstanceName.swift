import Glibc
import Platform
import Usage

/// The name of a proxy in all its batches: configured, or made once and kept.
enum InstanceName {
  /// The name to use. A made one is durable before it is used.
  static func resolve(
    _ configuration: MeteringConfiguration, syscalls: Syscalls
  ) throws(MeteringError) -> String {
    if let configured = configuration.instance { return configured }
    let path = configuration.sealedDirectory + "/instance"
    return try naming(path) { () throws(SystemError) in
      try syscalls.makeDirectory(configuration.sealedDirectory)
      do throws(SystemError) {
        let bytes = try syscalls.readFile(path, bytesMax: 256)
        let text = String(decoding: bytes, as: UTF8.self).split(separator: "\n").first ?? ""
        if RouteName(String(text)) != nil { return String(text) }
        throw SystemError(.read, EINVAL)
      } catch {
        if error.code != ENOENT { throw error }
      }
      return try make(at: path, in: configuration.sealedDirectory, syscalls: syscalls)
    }
  }

  private static func make(
    at path: String, in directory: String, syscalls: Syscalls
  ) throws(SystemError) -> String {
    let digits = try syscalls.randomBytes(8).map { byte in
      String(byte >> 4, radix: 16) + String(byte & 15, radix: 16)
    }
    let name = "weir-" + digits.joined()
    let fd = try syscalls.open(path + SegmentFile.temporarySuffix, .create)
    do throws(SystemError) {
      // Safe: any bit pattern is a byte.
      try unsafe syscalls.writeAll(fd, Array((name + "\n").utf8).span.bytes)
      try syscalls.fsync(fd)
    } catch {
      syscalls.close(fd)
      throw error
    }
    syscalls.close(fd)
    try syscalls.rename(path + SegmentFile.temporarySuffix, to: path)
    try syscalls.syncDirectory(directory)
    return name
  }
}
