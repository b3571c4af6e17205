import Metering

/// The exchange objects of a worker: one for each request that is open, none for a connection that waits.
///
/// An idle keep-alive connection refers to `idle`, which is shared, never open, and never written to. Owned
/// by one worker thread.
struct ExchangePool {
  /// What a connection without a request refers to.
  let idle = Exchange()
  private var kept: [Exchange] = []

  /// Unused objects kept for the next request; the rest is freed. About 700 bytes each.
  static let keptMax = 1_024

  /// A new exchange for a connection whose request begins.
  mutating func begin(_ connection: DownstreamConnection, at now: UInt64) -> Exchange {
    precondition(connection.exchange === idle, "one exchange a connection at a time")
    let exchange = kept.popLast() ?? Exchange()
    precondition(exchange.pending.isEmpty, "what an exchange counted is recorded with its end")
    exchange.begin(at: now)
    connection.exchange = exchange
    return exchange
  }

  /// Takes the exchange of a connection back, after its end.
  mutating func end(_ connection: DownstreamConnection) {
    let exchange = connection.exchange
    precondition(exchange !== idle && !exchange.isOpen, "given back once, after its end")
    exchange.row = nil
    exchange.phase = .idle
    connection.exchange = idle
    // Bound: keptMax.
    if kept.count < Self.keptMax { kept.append(exchange) }
  }

  /// Frees unused exchanges until no more than `count` are kept.
  mutating func shrink(to count: Int) {
    if kept.count > count { kept.removeLast(kept.count - count) }
  }
}
