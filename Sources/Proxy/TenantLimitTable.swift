import Metering
import Platform
import Synchronization
import Usage

/// All limits of a moment: who has which terms, and where each tenant's cell is.
///
/// Immutable; a reload makes a new one that keeps the cells of the tenants that stay, so that what is open goes on to
/// count. Read by all workers.
final class TenantLimitTable: Sendable {
  /// What a lookup found. The cell is held: `leave` it when the exchange has ended.
  struct Found {
    let cell: TenantCell
    let terms: TenantTerms
  }

  /// Whether no tenant has a limit: workers then do not ask.
  let isOff: Bool
  /// Whether responses carry RateLimit fields.
  let sendsFields: Bool
  private let hash: SegmentHash
  /// Ids one after another; entry n is `bytes[starts[n]..<starts[n + 1]]`.
  private let bytes: [UInt8]
  private let starts: [Int]
  /// Entry + 1, or 0; open addressing, at most half full.
  private let slots: [UInt32]
  private let cells: [TenantCell]
  private let terms: [TenantTerms]
  private let reserved: [Found?]
  private let defaultTerms: TenantTerms?
  private let shared: SharedTenantCells?

  /// The limits of `tenants`, reserved ones among them; the default limit is for all others.
  init(
    _ tenants: [TenantID: TenantLimit], configuration: TenantLimitConfiguration,
    hash: SegmentHash, keeping former: TenantLimitTable?
  ) {
    var known: [TenantLimit: TenantTerms] = [:]
    func termsOf(_ limit: TenantLimit) -> TenantTerms {
      if let terms = known[limit] { return terms }
      let terms = TenantTerms(limit)
      known[limit] = terms
      return terms
    }
    var (bytes, starts, size) = ([UInt8](), [0], 16)
    while size < tenants.count * 2 { size *= 2 }
    var slots = [UInt32](repeating: 0, count: size)
    var (cells, terms) = ([TenantCell](), [TenantTerms]())
    for (id, limit) in tenants where !id.isReserved {
      let text = Array(id.text.utf8)
      let found = former?.fixedCell(text)
      bytes += text
      starts.append(bytes.count)
      cells.append(found ?? TenantCell())
      terms.append(termsOf(limit))
      // Safe: any bit pattern of UInt8 is a valid byte.
      let hashed = unsafe hash.callAsFunction(text.span.bytes)
      var position = Int(truncatingIfNeeded: hashed) & (size - 1)
      // Bound: half of the slots are free.
      while slots[position] != 0 { position = (position + 1) & (size - 1) }
      slots[position] = UInt32(cells.count)
    }
    (self.bytes, self.starts, self.slots, self.cells, self.terms) =
      (bytes, starts, slots, cells, terms)
    reserved = ReservedTenant.allCases.map { tenant in
      guard let limit = tenants[Self.id(of: tenant)] else { return nil }
      let cell = former?.reserved[tenant.rawValue]?.cell ?? TenantCell()
      return Found(cell: cell, terms: termsOf(limit))
    }
    defaultTerms = configuration.defaultLimit.map { termsOf($0) }
    shared =
      defaultTerms == nil ? nil : former?.shared ?? SharedTenantCells(configuration.cellsMax)
    isOff = defaultTerms == nil && cells.isEmpty && reserved.allSatisfy { $0 == nil }
    sendsFields = configuration.sendsFields
    self.hash = hash
  }

  private static func id(of tenant: ReservedTenant) -> TenantID {
    switch tenant {
    case .unattributed: .unattributed
    case .invalid: .invalid
    case .overflow: .overflow
    }
  }

  /// What a lookup by id came to.
  enum Lookup {
    case limited(Found)
    case unlimited
    /// Under the default limit, and its set of cells is full: the limit of `~overflow` holds, if there is one.
    case overflowed(Found?)
  }

  /// The held cell of a tenant, made when it is under the default limit and new.
  func enter(_ id: RawSpan, at now: UInt64) -> Lookup {
    let hashed = hash.callAsFunction(id)
    if let entry = entry(id, hashed) {
      // Cells of named tenants are never given to others.
      _ = cells[entry].enter()
      return .limited(Found(cell: cells[entry], terms: terms[entry]))
    }
    guard let defaultTerms, let shared else { return .unlimited }
    if let cell = shared.enter(hash: hashed, at: now) {
      return .limited(Found(cell: cell, terms: defaultTerms))
    }
    return .overflowed(enter(reserved: .overflow))
  }

  /// The held cell of a reserved tenant, if it has a limit.
  func enter(reserved tenant: ReservedTenant) -> Found? {
    guard let found = reserved[tenant.rawValue] else { return nil }
    _ = found.cell.enter()
    return found
  }

  /// The cell of a tenant, not held: for tests and for the next table.
  func cell(of id: String, at now: UInt64 = 0) -> TenantCell? {
    if let tenant = ReservedTenant.allCases.first(where: { Self.id(of: $0).text == id }) {
      return reserved[tenant.rawValue]?.cell
    }
    let text = Array(id.utf8)
    if let cell = fixedCell(text) { return cell }
    // Safe: any bit pattern of UInt8 is a valid byte.
    let cell = shared?.enter(hash: unsafe hash.callAsFunction(text.span.bytes), at: now)
    cell?.leave()
    return cell
  }

  private func fixedCell(_ text: [UInt8]) -> TenantCell? {
    // Safe, both: any bit pattern of UInt8 is a valid byte.
    let hashed = unsafe hash.callAsFunction(text.span.bytes)
    return unsafe entry(text.span.bytes, hashed).map { cells[$0] }
  }

  private func entry(_ id: RawSpan, _ hashed: UInt64) -> Int? {
    guard !cells.isEmpty else { return nil }
    var position = Int(truncatingIfNeeded: hashed) & (slots.count - 1)
    // Bound: half of the slots are free.
    while slots[position] != 0 {
      let entry = Int(slots[position]) - 1
      if equals(id, entry) { return entry }
      position = (position + 1) & (slots.count - 1)
    }
    return nil
  }

  private func equals(_ id: RawSpan, _ entry: Int) -> Bool {
    let start = starts[entry]
    guard starts[entry + 1] - start == id.byteCount else { return false }
    for offset in 0..<id.byteCount where id[offset] != bytes[start + offset] { return false }
    return true
  }
}
