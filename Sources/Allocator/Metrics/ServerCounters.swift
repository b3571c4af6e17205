internal import Synchronization

/// What happened since the start, for `/metrics`. Labels are bounded: never one series a tenant.
final class ServerCounters: Sendable {
  /// A reading.
  struct Reading: Sendable, Equatable {
    /// Answers by status class, 1 to 5.
    var answers = [Int](repeating: 0, count: 6)
    /// Batches by what became of them.
    var batches: [String: Int] = [:]
    /// Usage rows counted.
    var rows = 0
    /// Cost files imported.
    var imports = 0
    /// Rows of cost files put into quarantine.
    var faultyRows = 0
    /// Periods closed.
    var closes = 0
  }

  private let state = Mutex(Reading())

  /// Counters at zero.
  init() {}

  /// Counts an answer.
  func noteAnswer(status: Int) {
    state.withLock { $0.answers[min(max(status / 100, 0), 5)] += 1 }
  }

  /// Counts a batch.
  func noteBatch(_ disposition: String, rows: Int) {
    state.withLock { reading in
      reading.batches[disposition, default: 0] += 1
      reading.rows += rows
    }
  }

  /// Counts an import.
  func noteImport(faultyRows: Int) {
    state.withLock { reading in
      reading.imports += 1
      reading.faultyRows += faultyRows
    }
  }

  /// Counts a close.
  func noteClose() {
    state.withLock { $0.closes += 1 }
  }

  /// The counters now.
  var reading: Reading { state.withLock { $0 } }
}
