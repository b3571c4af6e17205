import Glibc
import Platform
import Usage

/// Where the segments of one start of the process live, in memory and on disk, held by locks that die with
/// the process.
///
/// A directory is created under a hidden name, locked, and then renamed: whoever sees it, sees it locked.
final class BootDirectory: Sendable {
  /// `<ordinal>-<boot>`; ordinals count the starts, so names sort by age.
  let name: String
  /// The random id of the start.
  let boot: BootID
  /// Folder of sealed segments.
  let sealedPath: String
  /// Folder of active segments.
  let activePath: String
  private let locks: [Int32]
  private let syscalls: Syscalls

  private init(
    name: String, boot: BootID, parents: Parents, locks: [Int32], syscalls: Syscalls
  ) {
    self.name = name
    self.boot = boot
    sealedPath = parents.sealed + "/" + name
    activePath = parents.active + "/" + name
    self.locks = locks
    self.syscalls = syscalls
  }

  deinit {
    for lock in locks { syscalls.close(lock) }
  }

  /// The two directories that hold one folder a boot.
  struct Parents: Equatable, Sendable {
    /// The configured directory of sealed segments.
    var sealed: String
    /// The configured directory of active segments, and the instance.
    var active: String

    /// The directories of an instance.
    init(_ configuration: MeteringConfiguration, instance: String) {
      sealed = configuration.sealedDirectory
      active = configuration.activeDirectory + "/" + instance
    }
  }

  /// Creates and locks the folders of a new boot.
  static func create(
    in parents: Parents, boot: BootID, ordinal: UInt64, syscalls: Syscalls
  ) throws(MeteringError) -> BootDirectory {
    let digits = String(ordinal)
    let name = String(repeating: "0", count: max(0, 10 - digits.count)) + digits + "-\(boot)"
    var locks: [Int32] = []
    do throws(MeteringError) {
      for parent in [parents.active, parents.sealed] {
        locks.append(
          try naming(parent) { () throws(SystemError) in
            try createLocked(name, in: parent, syscalls: syscalls)
          })
      }
    } catch {
      for lock in locks { syscalls.close(lock) }
      try? syscalls.unlink(parents.active + "/" + name + "/lock")
      try? syscalls.removeDirectory(parents.active + "/" + name)
      throw error
    }
    return BootDirectory(
      name: name, boot: boot, parents: parents, locks: locks, syscalls: syscalls)
  }

  private static func createLocked(
    _ name: String, in parent: String, syscalls: Syscalls
  ) throws(SystemError) -> Int32 {
    try syscalls.makeDirectory(parent)
    let hidden = parent + "/.new-" + name
    try syscalls.makeDirectory(hidden)
    do throws(SystemError) {
      let fd = try syscalls.open(hidden + "/lock", .create)
      do throws(SystemError) {
        guard try syscalls.lock(fd) else { throw SystemError(.flock, EWOULDBLOCK) }
        try syscalls.rename(hidden, to: parent + "/" + name)
        try syscalls.syncDirectory(parent)
      } catch {
        syscalls.close(fd)
        throw error
      }
      return fd
    } catch {
      for path in [hidden, parent + "/" + name] {
        try? syscalls.unlink(path + "/lock")
        try? syscalls.removeDirectory(path)
      }
      throw error
    }
  }

  /// Takes over a boot whose process is gone; nil when a process holds it.
  static func adopt(
    _ name: String, boot: BootID, in parents: Parents, syscalls: Syscalls
  ) throws(MeteringError) -> BootDirectory? {
    var locks: [Int32] = []
    for parent in [parents.sealed, parents.active] {
      let folder = parent + "/" + name
      do throws(SystemError) {
        if parent == parents.sealed { try syscalls.makeDirectory(folder) }
        let fd = try syscalls.open(folder + "/lock", .create)
        locks.append(fd)
        if try syscalls.lock(fd) { continue }
        for lock in locks { syscalls.close(lock) }
        return nil
      } catch {
        // A machine that was restarted has lost its memory file system, and nothing is there to lock.
        if parent == parents.active && error.call == .open && error.code == ENOENT { continue }
        for lock in locks { syscalls.close(lock) }
        throw .system(error, path: folder)
      }
    }
    return BootDirectory(
      name: name, boot: boot, parents: parents, locks: locks, syscalls: syscalls)
  }

  /// Ordinal and boot of a folder's name, or nil.
  static func parse(_ name: String) -> (ordinal: UInt64, boot: BootID)? {
    let parts = name.split(separator: "-")
    guard parts.count == 2, let ordinal = UInt64(parts[0]), let boot = BootID(String(parts[1]))
    else { return nil }
    return (ordinal, boot)
  }

  /// Names the newest sequence that a worker has begun, in the name of an empty file: a rename is one step,
  /// and is durable with the next flush of the folder.
  func mark(worker: Int, sequence: UInt64) throws(SystemError) {
    let path = sealedPath + "/" + SegmentFile.mark(worker: worker, sequence: sequence)
    if sequence > 0 {
      let old = sealedPath + "/" + SegmentFile.mark(worker: worker, sequence: sequence - 1)
      do throws(SystemError) {
        try syscalls.rename(old, to: path)
        return
      } catch {
        // The mark before failed: several marks are fine, the highest counts.
        if error.code != ENOENT { throw error }
      }
    }
    syscalls.close(try syscalls.open(path, .create))
  }

  /// Removes what a finished boot leaves in memory.
  func removeActive() {
    try? syscalls.unlink(activePath + "/lock")
    try? syscalls.removeDirectory(activePath)
  }

  /// Removes the boot's folders; fails, and harms nothing, while a segment is in them.
  func removeAll() {
    removeActive()
    for entry in (try? syscalls.entries(of: sealedPath)) ?? []
    where SegmentFile.parseMark(entry) != nil {
      try? syscalls.unlink(sealedPath + "/" + entry)
    }
    try? syscalls.unlink(sealedPath + "/lock")
    try? syscalls.removeDirectory(sealedPath)
  }
}

/// Runs system calls on a path and names it in what they throw.
func naming<Result>(
  _ path: String, _ body: () throws(SystemError) -> Result
) throws(MeteringError) -> Result {
  do throws(SystemError) {
    return try body()
  } catch {
    throw .system(error, path: path)
  }
}
