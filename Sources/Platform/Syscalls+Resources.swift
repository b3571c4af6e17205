import CLinux
import Glibc

extension Syscalls {
  /// Raises the soft limit of descriptors to the hard one; returns what then holds, 0 when it is unknown.
  public func raiseDescriptorLimit() -> Int { Int(clamping: weir_raise_descriptor_limit()) }

  /// Descriptors that this process has open, told by the kernel without listing them (Linux 6.2 and later); nil when it
  /// does not tell.
  public func openDescriptors() -> Int? {
    var status = stat()
    // Safe: fstatat fills the struct it is given.
    guard unsafe fstatat(AT_FDCWD, "/proc/self/fd", &status, 0) == 0, status.st_size > 0
    else { return nil }
    return Int(status.st_size)
  }

  /// Descriptors that this process has open, counted one by one: a microsecond each; nil when they cannot be listed.
  public func listedDescriptors() -> Int? {
    // Without the one that lists them.
    (try? entries(of: "/proc/self/fd")).map { $0.count - 1 }
  }

  /// Bytes of memory that this process has resident, shared pages included; 0 when it cannot be told.
  public func residentBytes() -> Int {
    guard let text = readText("/proc/self/statm") else { return 0 }
    let words = text.split(separator: " ")
    guard words.count > 1, let pages = Int(words[1]) else { return 0 }
    return pages * Int(sysconf(Int32(_SC_PAGESIZE)))
  }

  /// The least memory limit of the control groups that this process is in (version 2, or version 1's own);
  /// nil without one.
  public func controlGroupMemoryBytesMax() -> Int? {
    var folders = ["/sys/fs/cgroup"]
    for line in (readText("/proc/self/cgroup") ?? "").split(separator: "\n")
    where line.hasPrefix("0::/") {
      // Bound: the depth of the path.
      var path = ""
      for part in line.dropFirst(3).split(separator: "/") {
        path += "/\(part)"
        folders.append("/sys/fs/cgroup\(path)")
      }
    }
    var files = folders.map { "\($0)/memory.max" }
    files.append("/sys/fs/cgroup/memory/memory.limit_in_bytes")
    // Version 1 says "no limit" by a number near 2^63.
    return files.compactMap { readText($0).flatMap { Int($0) } }.filter { $0 > 0 && $0 < 1 << 60 }
      .min()
  }

  /// Gives free memory of the allocator back to the system. Takes its locks for a time that grows with its memory:
  /// for quiet moments.
  public func returnFreeMemory() { weir_return_free_memory() }

  private func readText(_ path: String) -> String? {
    guard let bytes = try? readFile(path, bytesMax: 65_536) else { return nil }
    let text = String(decoding: bytes, as: UTF8.self)
    return String(text.reversed().drop { $0.isWhitespace }.reversed())
  }
}
