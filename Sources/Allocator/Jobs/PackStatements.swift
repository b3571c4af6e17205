internal import Accounting
internal import Digest
internal import Store

/// All statements of a period in one ZIP archive, with a manifest of hashes.
///
/// Files come in the order of their names: `period/…`, `statements/…`, then `sums.sha256`, which names all
/// the others. The same period, forms and build give the same bytes. Some statements are in memory at
/// a time, and for each file its name and a hundred bytes of directory.
struct PackStatements: Sendable {
  /// What it works on.
  let world: AllocatorWorld
  /// The period.
  let period: Period
  /// The version.
  let version: UInt32
  /// The forms, in the order of their names.
  let forms: [StatementForm]
  /// Who asks.
  let actor: String
  /// When.
  let now: UTCInstant

  /// How many statements are worked on at a time.
  private static let batch = 32

  /// The folder that holds everything.
  var folder: String { "weir-\(period)-v\(version)" }

  /// Makes the archive; `write` takes pieces in order.
  func run(_ write: ([UInt8]) async throws -> Void) async throws {
    let overview = try await world.store.statements.overview(of: period, version: version)
    let headings = try await world.store.statements.headings(of: period, version: version)
    var archive = Packing(folder: folder)
    let summary = try PeriodSummary(canonicalJSON: overview.summary)
    try await write(archive.add("period/reconciliation.json", overview.reconciliation))
    try await write(archive.add("period/summary.csv", summary.csv()))
    try await write(archive.add("period/summary.json", overview.summary))
    let tenants = headings.map { (name: EscapedName.escape($0.tenant), tenant: $0.tenant) }
      .sorted { $0.name + "." < $1.name + "." }
    for start in stride(from: 0, to: tenants.count, by: Self.batch) {
      let part = tenants[start..<min(start + Self.batch, tenants.count)]
      for piece in try await files(of: Array(part), &archive) { try await write(piece) }
    }
    try await write(archive.finish())
  }

  private func files(
    of tenants: [(name: String, tenant: String)], _ archive: inout Packing
  ) async throws -> [[UInt8]] {
    var documents: [[UInt8]] = []
    for tenant in tenants {
      documents.append(
        try await world.store.statements.document(
          of: tenant.tenant, period: period, version: version))
    }
    let pdfs =
      forms.contains(.pdf)
      ? try await ArchiveStatement(world: world).pdfs(of: documents, by: actor, at: now) : []
    var pieces: [[UInt8]] = []
    for (index, tenant) in tenants.enumerated() {
      let document = documents[index]
      let statement = try Statement(canonicalJSON: document)
      // csv, html, json, pdf: the order of the names.
      for form in forms.sorted(by: { $0.rawValue < $1.rawValue }) {
        let bytes =
          switch form {
          case .json: document
          case .csv: statement.csv()
          case .html: Array(StatementPage(statement: statement).html.utf8)
          case .pdf: pdfs[index].bytes
          }
        pieces.append(
          try archive.add(
            "statements/\(tenant.name).\(form.rawValue)", bytes, isPacked: form == .pdf))
      }
    }
    return pieces
  }
}

/// An archive with the hashes of what is in it.
private struct Packing {
  let folder: String
  private var zip = ZipWriter()
  private var sums: [UInt8] = []

  init(folder: String) {
    self.folder = folder
  }

  mutating func add(
    _ name: String, _ bytes: [UInt8], isPacked: Bool = false
  ) throws -> [UInt8] {
    sums += Array("\(SHA256.hash(bytes).hex)  \(name)\n".utf8)
    return try zip.file("\(folder)/\(name)", bytes, isPacked: isPacked)
  }

  mutating func finish() throws -> [UInt8] {
    let last = try zip.file("\(folder)/sums.sha256", sums, isPacked: false)
    return last + zip.finish()
  }
}
