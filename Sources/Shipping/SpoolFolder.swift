internal import Platform

/// The spool's directories and the few things that are done to files in them. Holds no state.
struct SpoolFolder {
  /// What a file's directory says about it.
  enum Place: String, CaseIterable {
    /// Not acknowledged yet.
    case pending = ""
    /// Durable in the allocator's store.
    case acknowledged = "/acked"
    /// The allocator has other bytes under the same name.
    case conflict = "/conflict"
    /// The allocator will never take it.
    case rejected = "/rejected"
  }

  private static let temporarySuffix = ".tmp"
  /// The largest file that is read back: more than a batch of the largest decodable payload takes.
  private static let fileBytesMax = 512 << 20

  let path: String
  private let syscalls: Syscalls

  /// Makes the directories, and makes them durable.
  init(_ path: String, syscalls: Syscalls) throws(ShippingError) {
    self.path = path
    self.syscalls = syscalls
    for place in Place.allCases {
      try Self.naming(directory(place)) { () throws(SystemError) in
        try syscalls.makeDirectory(directory(place))
      }
    }
  }

  /// Takes the folder for this process: the lock dies with it. The caller closes the descriptor.
  func lock() throws(ShippingError) -> Int32 {
    let path = file("lock", .pending)
    let descriptor = try Self.naming(path) { () throws(SystemError) in
      try syscalls.open(path, .create)
    }
    do throws(ShippingError) {
      let isOurs = try Self.naming(path) { () throws(SystemError) in try syscalls.lock(descriptor) }
      if !isOurs { throw .inUse(path: self.path) }
      return descriptor
    } catch {
      syscalls.close(descriptor)
      throw error
    }
  }

  /// Writes a file so that after any stop it is there whole or not at all.
  func write(_ bytes: [UInt8], as fileName: String) throws(ShippingError) {
    let target = file(fileName, .pending)
    let temporary = target + Self.temporarySuffix
    do throws(ShippingError) {
      try Self.naming(temporary) { () throws(SystemError) in
        let descriptor = try syscalls.open(temporary, .create)
        defer { syscalls.close(descriptor) }
        // Safe: any bit pattern of UInt8 is a byte.
        try syscalls.writeAll(descriptor, unsafe bytes.span.bytes)
        try syscalls.fsync(descriptor)
      }
      try rename(temporary, to: target)
    } catch {
      // The next start removes what cannot be removed now.
      try? syscalls.unlink(temporary)
      throw error
    }
    try sync(.pending)
  }

  /// Moves a file; durable only after `sync` of both places.
  func move(
    _ fileName: String, _ place: Place, to target: String, _ targetPlace: Place
  ) throws(ShippingError) {
    try rename(file(fileName, place), to: file(target, targetPlace))
  }

  /// Removes a file; one that is not there is fine.
  func remove(_ fileName: String, _ place: Place) throws(ShippingError) {
    let path = file(fileName, place)
    do throws(SystemError) {
      try syscalls.unlink(path)
    } catch {
      if error.isNoSuchFile { return }
      throw .system(error, path: path)
    }
  }

  /// Makes what was moved into or out of a directory durable.
  func sync(_ place: Place) throws(ShippingError) {
    try Self.naming(directory(place)) { () throws(SystemError) in
      try syscalls.syncDirectory(directory(place))
    }
  }

  /// The content of a file.
  func read(_ fileName: String, _ place: Place) throws(ShippingError) -> [UInt8] {
    let path = file(fileName, place)
    return try Self.naming(path) { () throws(SystemError) in
      try syscalls.readFile(path, bytesMax: Self.fileBytesMax)
    }
  }

  /// The content of a file that may not be there yet.
  func readIfPresent(_ fileName: String) throws(ShippingError) -> [UInt8]? {
    do throws(ShippingError) {
      return try read(fileName, .pending)
    } catch {
      if case .system(let system, _) = error, system.isNoSuchFile { return nil }
      throw error
    }
  }

  /// The batch files in a directory with their sizes; left-overs of interrupted writes are removed.
  ///
  /// `stranger` is told of files that look like batches and have a name that the spool never gives.
  func batches(
    in place: Place, stranger: (String) -> Void
  ) throws(ShippingError) -> [(file: SpoolFile, bytes: Int)] {
    let directory = directory(place)
    let names = try Self.naming(directory) { () throws(SystemError) in
      try syscalls.entries(of: directory)
    }
    var batches: [(file: SpoolFile, bytes: Int)] = []
    for name in names {
      if name.hasSuffix(Self.temporarySuffix) {
        try remove(name, place)
      } else if let file = SpoolFile(fileName: name) {
        batches.append((file, try size(of: "\(directory)/\(name)")))
      } else if name.hasSuffix(SpoolFile.suffix) {
        stranger("\(directory)/\(name)")
      }
    }
    return batches
  }

  private func size(of path: String) throws(ShippingError) -> Int {
    try Self.naming(path) { () throws(SystemError) in
      let descriptor = try syscalls.open(path, .readOnly)
      defer { syscalls.close(descriptor) }
      return try syscalls.length(descriptor)
    }
  }

  private func rename(_ source: String, to target: String) throws(ShippingError) {
    try Self.naming(source) { () throws(SystemError) in
      try syscalls.rename(source, to: target)
    }
  }

  private func directory(_ place: Place) -> String { path + place.rawValue }

  private func file(_ name: String, _ place: Place) -> String { "\(directory(place))/\(name)" }

  private static func naming<Result>(
    _ path: String, _ body: () throws(SystemError) -> Result
  ) throws(ShippingError) -> Result {
    do throws(SystemError) { return try body() } catch { throw .system(error, path: path) }
  }
}

extension SystemError {
  /// Whether the path named nothing. ENOENT is 2 on Linux.
  var isNoSuchFile: Bool { code == 2 }
}
