import CLinux
import Glibc

extension Syscalls {
  /// How a file is opened.
  public enum FileAccess: Sendable {
    /// Must exist.
    case readOnly
    /// Must exist.
    case readWrite
    /// Created with mode 0640, or truncated when it exists.
    case create
    /// Created with mode 0640; fails with `EEXIST` when it exists.
    case createNew
    /// Created with mode 0640 when it does not exist; every write goes to the end.
    case append
    /// A directory, to fsync it.
    case directory

    var flags: Int32 {
      switch self {
      case .readOnly: O_RDONLY | O_CLOEXEC
      case .readWrite: O_RDWR | O_CLOEXEC
      case .create: O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC
      case .createNew: O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC
      case .append: O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC
      case .directory: O_RDONLY | O_DIRECTORY | O_CLOEXEC
      }
    }
  }

  /// Opens a file; the caller closes the descriptor.
  public func open(_ path: String, _ access: FileAccess) throws(SystemError) -> Int32 {
    // Safe: the string's bytes live for the call.
    try retrying(.open) { unsafe weir_open(path, access.flags, 0o640) }
  }

  /// Closes a descriptor. Never retried: the descriptor is gone whatever the result.
  public func close(_ fd: Int32) {
    _ = planned(.close)
    _ = Glibc.close(fd)
  }

  /// Reads into `buffer`, returns the bytes read, 0 at the end of the file.
  public func read(_ fd: Int32, into buffer: UnsafeMutableRawBufferPointer) throws(SystemError)
    -> Int
  {
    // Safe: at most buffer.count bytes are written to it.
    try retrying(.read) { unsafe Glibc.read(fd, buffer.baseAddress, buffer.count) }
  }

  /// Reads a whole file of at most `bytesMax` bytes; fails with `EFBIG` when it is longer.
  public func readFile(_ path: String, bytesMax: Int) throws(SystemError) -> [UInt8] {
    let fd = try open(path, .readOnly)
    defer { close(fd) }
    var content: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = try read(fd, intoArray: &chunk)
      if count == 0 { return content }
      // Bound: bytesMax.
      guard content.count + count <= bytesMax else { throw SystemError(.read, EFBIG) }
      content += chunk[..<count]
    }
  }

  /// The permission bits of a file, those of what a symbolic link leads to.
  public func mode(of path: String) throws(SystemError) -> UInt32 {
    var status = stat()
    // Safe: the struct lives for the call.
    _ = try retrying(.stat) { unsafe fstatat(AT_FDCWD, path, &status, 0) }
    return status.st_mode & 0o7777
  }

  /// Writes all of `bytes`, in as many calls as the kernel needs.
  public func writeAll(_ fd: Int32, _ bytes: RawSpan) throws(SystemError) {
    var offset = 0
    while offset < bytes.byteCount {
      let rest = bytes.extracting(droppingFirst: offset)
      // Safe: the pointer does not leave the closure, its count bounds the call.
      offset += try unsafe rest.withUnsafeBytes { (buffer) throws(SystemError) -> Int in
        try retrying(.write) { unsafe Glibc.write(fd, buffer.baseAddress, buffer.count) }
      }
    }
  }

  /// Flushes a file or directory to its device. After a failure nothing is known of the file's pages: do
  /// not retry on the same descriptor.
  public func fsync(_ fd: Int32) throws(SystemError) {
    _ = try retrying(.fsync) { Glibc.fsync(fd) }
  }

  /// Sets a file's length.
  public func truncate(_ fd: Int32, to length: Int) throws(SystemError) {
    _ = try retrying(.ftruncate) { Glibc.ftruncate(fd, length) }
  }

  /// Allocates the blocks of a file's range, extending it: later mapped writes cannot meet a full disk.
  public func allocate(_ fd: Int32, offset: Int, length: Int) throws(SystemError) {
    _ = try retrying(.fallocate) { weir_allocate(fd, Int64(offset), Int64(length)) }
  }

  /// Renames a file, replacing `target`.
  public func rename(_ path: String, to target: String) throws(SystemError) {
    // Safe: both strings live for the call.
    _ = try retrying(.rename) { unsafe Glibc.rename(path, target) }
  }

  /// Removes a file.
  public func unlink(_ path: String) throws(SystemError) {
    // Safe: the string lives for the call.
    _ = try retrying(.unlink) { unsafe Glibc.unlink(path) }
  }

  /// Creates a directory with mode 0750 and those above it; an existing one is fine.
  public func makeDirectory(_ path: String) throws(SystemError) {
    do throws(SystemError) {
      // Safe: the string lives for the call.
      _ = try retrying(.mkdir) { unsafe Glibc.mkdir(path, 0o750) }
    } catch {
      if error.code == EEXIST { return }
      guard error.code == ENOENT, let slash = path.lastIndex(of: "/"), slash > path.startIndex
      else { throw error }
      try makeDirectory(String(path[..<slash]))
      // Safe: the string lives for the call.
      _ = try retrying(.mkdir) { unsafe Glibc.mkdir(path, 0o750) }
    }
  }

  /// Removes an empty directory.
  public func removeDirectory(_ path: String) throws(SystemError) {
    // Safe: the string lives for the call.
    _ = try retrying(.rmdir) { unsafe Glibc.rmdir(path) }
  }

  /// Flushes a directory, so that a rename in it survives a loss of power.
  public func syncDirectory(_ path: String) throws(SystemError) {
    let fd = try open(path, .directory)
    defer { close(fd) }
    try fsync(fd)
  }

  /// Takes an exclusive lock that dies with the process; false when another process holds it.
  public func lock(_ fd: Int32) throws(SystemError) -> Bool {
    do throws(SystemError) {
      _ = try retrying(.flock) { weir_lock(fd) }
      return true
    } catch {
      if error.code == EWOULDBLOCK { return false }
      throw error
    }
  }

  /// The length of an open file in bytes.
  public func length(_ fd: Int32) throws(SystemError) -> Int {
    var status = stat()
    // Safe: fstat fills the struct it is given.
    _ = try retrying(.stat) { unsafe Glibc.fstat(fd, &status) }
    return Int(status.st_size)
  }

  /// The names in a directory, without `.` and `..`, sorted by bytes.
  public func entries(of path: String) throws(SystemError) -> [String] {
    let code = planned(.readdir)
    if code != 0 { throw SystemError(.readdir, code) }
    // Safe: the stream is closed below; each entry is read before the next call.
    guard let stream = unsafe opendir(path) else { throw SystemError(.readdir, errno) }
    defer { unsafe closedir(stream) }
    var names: [String] = []
    while let entry = unsafe Glibc.readdir(stream) {
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { field in
        unsafe field.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  /// Maps `length` bytes of a file, shared and writable.
  public func map(_ fd: Int32, length: Int, writable: Bool = true) throws(SystemError)
    -> UnsafeMutableRawBufferPointer
  {
    try unsafe mapping(length: length, writable: writable, flags: MAP_SHARED, fd: fd)
  }

  /// Maps `length` bytes of anonymous memory, zeroed.
  public func mapAnonymous(length: Int) throws(SystemError) -> UnsafeMutableRawBufferPointer {
    try unsafe mapping(length: length, writable: true, flags: MAP_PRIVATE | MAP_ANONYMOUS, fd: -1)
  }

  private func mapping(length: Int, writable: Bool, flags: Int32, fd: Int32) throws(SystemError)
    -> UnsafeMutableRawBufferPointer
  {
    let code = planned(.mmap)
    if code != 0 { throw SystemError(.mmap, code) }
    let protection = writable ? PROT_READ | PROT_WRITE : PROT_READ
    // Safe: the kernel chooses the address; the result is checked before use.
    let address = unsafe mmap(nil, length, protection, flags, fd, 0)
    guard unsafe address != MAP_FAILED, let base = unsafe address else {
      throw SystemError(.mmap, errno)
    }
    return unsafe UnsafeMutableRawBufferPointer(start: base, count: length)
  }

  /// Takes a mapping away; nothing may point into it any more.
  public func unmap(_ memory: UnsafeMutableRawBufferPointer) {
    _ = planned(.munmap)
    // Safe: the caller got this range from `map` and gives it up.
    _ = unsafe munmap(memory.baseAddress!, memory.count)
  }

  /// Fills `bytes` random bytes from the kernel.
  public func randomBytes(_ count: Int) throws(SystemError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    var span = bytes.mutableSpan
    // Safe: getrandom writes at most `count` bytes, and any bit pattern is a valid byte.
    _ = try unsafe span.withUnsafeMutableBytes { (buffer) throws(SystemError) -> Int in
      try retrying(.getrandom) { unsafe getrandom(buffer.baseAddress, buffer.count, 0) }
    }
    return bytes
  }

  private func read(_ fd: Int32, intoArray chunk: inout [UInt8]) throws(SystemError) -> Int {
    var span = chunk.mutableSpan
    // Safe: the pointer does not leave the closure, and any bit pattern is a valid byte.
    return try unsafe span.withUnsafeMutableBytes { (buffer) throws(SystemError) -> Int in
      try unsafe read(fd, into: buffer)
    }
  }
}
