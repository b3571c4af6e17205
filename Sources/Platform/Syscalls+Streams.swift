import CLinux
import Glibc

extension Syscalls {
  /// Writes the first bytes of `bytes`, as many as the kernel takes at once.
  public func write(_ fd: Int32, _ bytes: RawSpan) throws(SystemError) -> Int {
    // Safe: the pointer does not leave the closure, its count bounds the call.
    try unsafe bytes.withUnsafeBytes { (buffer) throws(SystemError) -> Int in
      try retrying(.write) { unsafe Glibc.write(fd, buffer.baseAddress, buffer.count) }
    }
  }

  /// Whether a descriptor is a file, to which a write never waits for a reader.
  public func isRegularFile(_ fd: Int32) -> Bool {
    var status = stat()
    // Safe: fstat fills the struct it is given.
    guard unsafe Glibc.fstat(fd, &status) == 0 else { return false }
    return status.st_mode & S_IFMT == S_IFREG
  }

  /// Waits until a descriptor takes a write of up to 4096 bytes, at most `timeoutMilliseconds`; says whether it does.
  public func waitUntilWritable(_ fd: Int32, timeoutMilliseconds: Int32) -> Bool {
    var entry = pollfd(fd: fd, events: Int16(POLLOUT), revents: 0)
    // Safe: one entry is passed and lives for the call.
    return unsafe poll(&entry, 1, timeoutMilliseconds) > 0
  }
}
