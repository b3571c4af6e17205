import Glibc
import Platform
import Usage

/// Finds what killed processes of this instance left, and makes it fit to be shipped.
///
/// Only boots whose lock is free are touched. Files are never changed in place: settling happens in a private
/// copy, which is then sealed to disk like any other segment, so a kill in the middle starts over from the
/// same bytes.
struct SegmentRecovery: Sendable {
  /// Where boots live.
  let parents: BootDirectory.Parents
  /// The door to the kernel.
  let syscalls: Syscalls

  /// A boot whose process is gone.
  struct AdoptedBoot: Sendable {
    /// Its folders, locked.
    let directory: BootDirectory
    /// What it left, in order of worker and sequence.
    let segments: [Remnant]
    /// The newest sequence that each worker began.
    let lastSequences: [UInt64]
    /// Files that cannot be read.
    let refused: [MeteringError]
  }

  /// One segment of a boot whose process is gone.
  struct Remnant: Sendable, Equatable {
    /// What has to be done to it.
    enum Treatment: Sendable, Equatable {
      /// It is on the disk, sealed.
      case durable
      /// It was sealed and not yet copied to the disk.
      case sealed
      /// Its successor counts already; only the last store of the hand-over is missing.
      case finishHandover
      /// Its worker was killed while it was active.
      case endOrphans
    }
    /// File name in the boot's folders.
    var file: String
    /// The worker.
    var worker: Int
    /// The sequence.
    var sequence: UInt64
    /// What has to be done to it.
    var treatment: Treatment
  }

  /// The highest ordinal that a boot has had, and the names of all boots, oldest first.
  func survey() throws(MeteringError) -> (ordinal: UInt64, names: [String]) {
    var names: Set<String> = []
    for parent in [parents.sealed, parents.active] {
      let entries = try naming(parent) { () throws(SystemError) in
        try syscalls.makeDirectory(parent)
        return try syscalls.entries(of: parent)
      }
      names.formUnion(entries.filter { BootDirectory.parse($0) != nil })
    }
    let sorted = names.sorted { left, right in
      let (first, second) = (
        BootDirectory.parse(left)?.ordinal, BootDirectory.parse(right)?.ordinal
      )
      return (first ?? 0, left) < (second ?? 0, right)
    }
    return (sorted.compactMap { BootDirectory.parse($0)?.ordinal }.max() ?? 0, sorted)
  }

  /// Takes over every boot in `names` whose process is gone. Older ones that left nothing are removed.
  func adopt(_ names: [String]) throws(MeteringError) -> [AdoptedBoot] {
    var adopted: [AdoptedBoot] = []
    for name in names {
      guard let boot = BootDirectory.parse(name)?.boot,
        let directory = try BootDirectory.adopt(name, boot: boot, in: parents, syscalls: syscalls)
      else { continue }
      adopted.append(try examine(directory))
    }
    return adopted
  }

  /// What a boot left. Segments that were prepared and never used are removed.
  func examine(_ directory: BootDirectory) throws(MeteringError) -> AdoptedBoot {
    var begun: [Int: UInt64] = [:]
    func note(_ worker: Int, _ sequence: UInt64) {
      begun[worker] = max(begun[worker] ?? 0, sequence)
    }
    var refused: [MeteringError] = []
    var found: [Int: [UInt64: Remnant.Treatment]] = [:]
    for file in try entries(directory.sealedPath) {
      if file.hasSuffix(SegmentFile.temporarySuffix) {
        try? syscalls.unlink(directory.sealedPath + "/" + file)
      } else if let mark = SegmentFile.parseMark(file) {
        note(mark.worker, mark.sequence)
      } else if let (worker, sequence) = SegmentFile.parse(file) {
        guard
          let image = open(directory.sealedPath + "/" + file, refused: &refused)
        else { continue }
        note(worker, image.flags.contains(.final) ? sequence : sequence + 1)
        found[worker, default: [:]][sequence] = .durable
      }
    }
    for file in try entries(directory.activePath) {
      guard let (worker, sequence) = SegmentFile.parse(file) else { continue }
      let path = directory.activePath + "/" + file
      guard found[worker]?[sequence] == nil, let image = open(path, refused: &refused) else {
        if found[worker]?[sequence] == .durable { try? syscalls.unlink(path) }
        continue
      }
      switch image.state {
      case .prepared:
        if sequence == 0 {
          // Killed in its start, after the mark: it counted nothing, and nothing of it is missing.
          try? syscalls.unlink(
            directory.sealedPath + "/" + SegmentFile.mark(worker: worker, sequence: 0))
          begun[worker] = nil
        }
        try? syscalls.unlink(path)
      case .active:
        note(worker, sequence)
        found[worker, default: [:]][sequence] = .endOrphans
      case .sealed:
        note(worker, image.flags.contains(.final) ? sequence : sequence + 1)
        found[worker, default: [:]][sequence] = .sealed
      }
    }
    return AdoptedBoot(
      directory: directory, segments: Self.ordered(found),
      lastSequences: (0..<((begun.keys.max() ?? -1) + 1)).map { begun[$0] ?? 0 },
      refused: refused)
  }

  /// An active segment with a successor was being handed over: only its last store is missing.
  private static func ordered(_ found: [Int: [UInt64: Remnant.Treatment]]) -> [Remnant] {
    var remnants: [Remnant] = []
    for (worker, segments) in found.sorted(by: { $0.key < $1.key }) {
      let newest = segments.keys.max()
      for (sequence, treatment) in segments.sorted(by: { $0.key < $1.key }) {
        let isHandover = treatment == .endOrphans && sequence != newest
        remnants.append(
          Remnant(
            file: SegmentFile.name(worker: worker, sequence: sequence), worker: worker,
            sequence: sequence, treatment: isHandover ? .finishHandover : treatment))
      }
    }
    return remnants
  }

  private func entries(_ path: String) throws(MeteringError) -> [String] {
    do throws(SystemError) {
      return try syscalls.entries(of: path)
    } catch {
      if error.code == ENOENT { return [] }
      throw .system(error, path: path)
    }
  }

  /// Opens a segment; one that cannot be read is set aside under another name.
  private func open(_ path: String, refused: inout [MeteringError]) -> SegmentImage? {
    do throws(MeteringError) {
      let image = try SegmentImage.open(path, syscalls: syscalls)
      let file = SegmentFile.name(
        worker: Int(image.name.worker), sequence: image.name.sequence)
      guard path.hasSuffix("-\(image.name.boot)/\(file)") else {
        throw .damaged(path: path, reason: "it is named \(image.name) inside")
      }
      return image
    } catch {
      refused.append(error)
      if case .system = error { return nil }
      try? syscalls.rename(path, to: path + SegmentFile.refusedSuffix)
      return nil
    }
  }

  /// Makes one remnant ready; says how many exchanges were ended as crashed.
  func settle(
    _ remnant: Remnant, of directory: BootDirectory
  ) throws(MeteringError) -> (segment: SealedSegment, orphans: UInt64, failure: SystemError?) {
    let durable = directory.sealedPath + "/" + remnant.file
    if remnant.treatment == .durable {
      let image = try SegmentImage.open(durable, syscalls: syscalls)
      return (SealedSegment(image, durableAt: durable, syscalls: syscalls), 0, nil)
    }
    let active = directory.activePath + "/" + remnant.file
    let image = try SegmentImage.open(active, syscalls: syscalls)
    var orphans: UInt64 = 0
    switch remnant.treatment {
    case .durable, .sealed: break
    case .finishHandover: image.settleHandover()
    case .endOrphans: orphans = image.settleOrphans()
    }
    do throws(SystemError) {
      try SegmentFile.write(
        image.memory, byteCount: image.usedBytes, to: durable, syscalls: syscalls)
      try syscalls.syncDirectory(directory.sealedPath)
      try? syscalls.unlink(active)
      return (SealedSegment(image, durableAt: durable, syscalls: syscalls), orphans, nil)
    } catch {
      let segment = SealedSegment(image, inMemoryAt: active, syscalls: syscalls)
      return (segment, orphans, error)
    }
  }
}
