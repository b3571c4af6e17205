import Platform
import Synchronization
import Usage

/// Makes sealed segments durable and hands them on: what killed processes left first, then this process's
/// own, for each worker in order.
///
/// Runs on a thread of its own; it may wait for disks as long as they take.
final class SegmentDelivery: Sendable {
  private let directory: BootDirectory
  private let slots: [WorkerSlot]
  private let recovery: SegmentRecovery
  private let ledger: MeteringLedger
  private let clock: Clock
  private let syscalls: Syscalls
  private let isStopping = Atomic<Bool>(false)
  private let isSearchRequested = Atomic<Bool>(false)
  /// Boots that were taken over; held, so that their locks are.
  private let adopted: Mutex<Adopted>

  private struct Adopted {
    var waiting: [SegmentRecovery.AdoptedBoot]
    var held: [SegmentRecovery.AdoptedBoot]
  }

  /// How often boots of this instance are looked for whose process died while this one ran.
  private static let searchSeconds: UInt64 = 60

  /// The delivery of a process's slots.
  init(
    directory: BootDirectory, slots: [WorkerSlot], adopted: [SegmentRecovery.AdoptedBoot],
    recovery: SegmentRecovery, ledger: MeteringLedger, clock: Clock, syscalls: Syscalls
  ) {
    self.clock = clock
    self.directory = directory
    self.slots = slots
    self.recovery = recovery
    self.ledger = ledger
    self.syscalls = syscalls
    self.adopted = Mutex(Adopted(waiting: adopted, held: []))
  }

  /// The thread: recovery, then a step at each signal.
  func run(_ onSealed: (SealedSegment) -> Void) {
    guard let signal = slots.first?.delivery else { return }
    recover(onSealed)
    var searched = clock.monotonicNanoseconds()
    while true {
      // Read before the step: what was sealed before the stop is delivered by it.
      let isLast = isStopping.load(ordering: .acquiring)
      step(onSealed)
      if isLast { return }
      _ = signal.wait(timeoutMilliseconds: Int32(Self.searchSeconds * 1000))
      let now = clock.monotonicNanoseconds()
      let isAsked = isSearchRequested.exchange(false, ordering: .acquiring)
      if isAsked || now >= searched + Self.searchSeconds * 1_000_000_000 {
        adoptMore(onSealed)
        searched = now
      }
    }
  }

  /// Has `run` look for dead boots soon.
  func requestSearch() {
    isSearchRequested.store(true, ordering: .releasing)
    slots.first?.delivery.signal()
  }

  /// Ends `run` after one more step.
  func stop() {
    isStopping.store(true, ordering: .releasing)
    slots.first?.delivery.signal()
  }

  /// Seals and delivers what workers have handed over.
  func step(_ onSealed: (SealedSegment) -> Void) {
    for slot in slots {
      while let segment = sealNext(slot) {
        // The segment's memory is gone by now, unless it is the only copy: reading the rows needs its own.
        if let delivered = segment.segment { onSealed(delivered) }
      }
    }
  }

  /// Delivers what killed processes left. A boot that cannot be read now is kept for the next start.
  func recover(_ onSealed: (SealedSegment) -> Void) {
    let boots = adopted.withLock { adopted in
      defer { adopted.waiting = [] }
      adopted.held += adopted.waiting
      return adopted.waiting
    }
    for (position, boot) in boots.enumerated() {
      for error in boot.refused { ledger.tell(.refused(error)) }
      for remnant in boot.segments { deliver(remnant, of: boot.directory, onSealed) }
      // The newest stays, empty as it may be: its marks name the last sequences for the next start.
      if boot.segments.isEmpty && boot.refused.isEmpty && position < boots.count - 1 {
        boot.directory.removeAll()
      }
    }
  }

  /// Looks for boots whose process died while this one ran.
  func adoptMore(_ onSealed: (SealedSegment) -> Void) {
    do throws(MeteringError) {
      let held = adopted.withLock { Set($0.held.map(\.directory.name)) }
      let names = try recovery.survey().names.filter {
        $0 != directory.name && !held.contains($0)
      }
      let more = try recovery.adopt(names)
      adopted.withLock { $0.waiting += more }
      recover(onSealed)
    } catch {
      ledger.tell(.recoveryFailed(error))
    }
  }

  private func deliver(
    _ remnant: SegmentRecovery.Remnant, of boot: BootDirectory,
    _ onSealed: (SealedSegment) -> Void
  ) {
    do throws(MeteringError) {
      let (segment, orphans, failure) = try recovery.settle(remnant, of: boot)
      ledger.noteSealed(segment, failure: failure)
      if remnant.treatment == .endOrphans {
        ledger.tell(.recovered(segment.name, orphans: orphans))
      }
      onSealed(segment)
    } catch {
      ledger.tell(.recoveryFailed(error))
    }
  }

  /// What became of a segment that a worker sealed; nil when it cannot be read.
  private struct Sealed {
    var segment: SealedSegment?
  }

  /// Seals the oldest segment that a worker has handed over, if there is one.
  private func sealNext(_ slot: WorkerSlot) -> Sealed? {
    guard let storage = slot.segments.withLock({ $0.first }), storage.phase == .sealed
    else { return nil }
    defer { ledger.account(storage, slot: slot) }
    do throws(MeteringError) {
      let (segment, failure) = seal(try SegmentImage(sealed: storage), storage)
      ledger.noteSealed(segment, failure: failure)
      return Sealed(segment: segment)
    } catch {
      // Only a bug of the meter leads here. The file stays for an examination.
      ledger.tell(.refused(error))
      return Sealed(segment: nil)
    }
  }

  /// Copies a segment to the disk. When that fails, its memory and its file in the active directory stay.
  private func seal(
    _ image: SegmentImage, _ storage: SegmentStorage
  ) -> (SealedSegment, SystemError?) {
    let worker = Int(image.name.worker)
    let sequence = image.name.sequence
    let path =
      directory.sealedPath + "/" + SegmentFile.name(worker: worker, sequence: sequence)
    do throws(SystemError) {
      try SegmentFile.write(
        image.memory, byteCount: image.usedBytes, to: path, syscalls: syscalls)
      if !image.flags.contains(.final) {
        try directory.mark(worker: worker, sequence: sequence + 1)
      }
      try syscalls.syncDirectory(directory.sealedPath)
      if let active = storage.path { try? syscalls.unlink(active) }
      return (SealedSegment(image, durableAt: path, syscalls: syscalls), nil)
    } catch {
      let segment = SealedSegment(image, inMemoryAt: storage.path, syscalls: syscalls)
      return (segment, error)
    }
  }
}
