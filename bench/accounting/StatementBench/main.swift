import Accounting
import Allocator
import Digest
import Foundation

// How fast statements are: as canonical JSON, and as PDF.
//
//     swift run -c release StatementBench [TENANTS] [PDFS]
//
// A seeded month: TENANTS tenants (100,000) over ten routes, sparse and skewed as customers are, five pools of
// which three have drivers. Each has a statement of the month before to be compared with. Timed are the
// statements alone: from allocation and entries to canonical bytes with their SHA-256; allocation and posting
// are part of a close and told apart. Then PDFS of these statements (2,000), spread over them, are drawn on
// one thread and on two. Prints one line a measure.

let tenantCount = CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 100_000
let pdfCount = CommandLine.arguments.dropFirst(2).first.flatMap { Int($0) } ?? 2_000

let clock = ContinuousClock()

/// Prints a line `statements <name> …` with the seconds of `body`.
func timed<Value>(_ name: String, _ count: Int, _ body: () throws -> Value) rethrows -> Value {
  let start = clock.now
  let value = try body()
  let seconds = Double((clock.now - start) / .milliseconds(1)) / 1_000
  let rate = Double(count) / max(seconds, 0.001)
  print(
    "statements \(name) count=\(count) seconds=\(String(format: "%.2f", seconds)) "
      + "a-minute=\(Int(rate * 60))")
  return value
}

let month = try BenchMonth(tenants: tenantCount)
let allocation = try timed("allocate", tenantCount) {
  try Allocation.allocate(
    AllocationInput(costs: month.costs, policy: month.policy, usage: month.usage))
}
let chain = try timed("post", tenantCount) {
  try LedgerPosting.entries(for: allocation, context: month.context, after: .empty)
}
let set = try timed("build", tenantCount) {
  try StatementBuilder.build(
    StatementInput(
      allocation: allocation, entries: chain.map(\.entry), usage: month.usage,
      register: month.register, coverage: month.coverage, previous: month.previous,
      reconciliation: .tiedOut))
}
var bytes = 0
var documents: [[UInt8]] = []
timed("json", tenantCount) {
  for (index, statement) in set.statements.enumerated() {
    let document = statement.canonicalJSON()
    precondition(SHA256.hash(document) != .zero)
    bytes += document.count
    if index.isMultiple(of: max(1, tenantCount / pdfCount)), documents.count < pdfCount {
      documents.append(document)
    }
  }
}
let lines = set.statements.reduce(0) { $0 + $1.lines.count }
print("statements size lines=\(lines) bytes=\(bytes) a-statement=\(bytes / max(1, tenantCount))")

var pages = 0
try timed("pdf threads=1", documents.count) {
  for document in documents { pages += try StatementPDF.bytes(canonicalJSON: document).count }
}
print("statements pdf-size bytes=\(pages) a-statement=\(pages / max(1, documents.count))")
let halves = [0, 1].map { half in
  documents.enumerated().filter { $0.offset % 2 == half }.map(\.element)
}
try timed("pdf threads=2", documents.count) {
  let threads = halves.map { half in DrawingThread(half) }
  for thread in threads { thread.start() }
  for thread in threads { try thread.wait() }
}
