import HTTPCodec
import Metering
import Platform
import Usage

/// Limits of tenants on the request path: admission when a head is complete, pacing while bytes move.
extension Worker {
  /// Which limit a refused request met.
  private enum MetLimit { case requests, concurrency, streams }

  /// Takes the table of now; called when the worker was woken.
  func followLimits() { tenantLimits = enforcement.table }

  /// Holds the limits of the tenant that the head in `requestHead` resolved to. Before anything is recorded.
  func beginAllowance(_ exchange: Exchange, _ resolution: TenantResolver.Resolution) {
    if tenantLimits.isOff { return }
    let found: TenantLimitTable.Found?
    limitedTenant = nil
    switch resolution {
    case .resolved:
      let id = tenant
      switch tenantLimits.enter(id.readable, at: now) {
      case .limited(let limits): found = limits
      case .unlimited: found = nil
      case .overflowed(let limits):
        counters.add(.tenantCellsExhausted)
        found = limits
      }
    case .unattributed:
      limitedTenant = TenantID.unattributed.text
      found = tenantLimits.enter(reserved: .unattributed)
    case .invalid:
      limitedTenant = TenantID.invalid.text
      found = tenantLimits.enter(reserved: .invalid)
    }
    if let found { exchange.allowance.begin(found) }
  }

  /// Answers a request that its tenant's limits do not admit; true when it did.
  @inline(__always)
  func isRefusedByLimits(
    _ connection: DownstreamConnection, _ route: Router.Route?, headLength: Int
  ) -> Bool {
    guard connection.exchange.allowance.cell != nil else { return false }
    return refuseByLimits(connection, route, headLength: headLength)
  }

  @inline(never)
  private func refuseByLimits(
    _ connection: DownstreamConnection, _ route: Router.Route?, headLength: Int
  ) -> Bool {
    guard let input = connection.channel.input else { return false }
    let asksForStream = route.map { allowsUpgrade($0, input.readable) } ?? false
    guard let refusal = limitRefusal(connection.exchange, asksForStream: asksForStream) else {
      return false
    }
    input.consume(headLength)
    answer(connection, refusal)
    return true
  }

  /// Why the tenant's limits do not admit this request, or nil; its place and its rate are taken then.
  ///
  /// A refused request takes nothing: hammering does not prolong the wait.
  private func limitRefusal(_ exchange: Exchange, asksForStream: Bool) -> LocalAnswer? {
    guard let cell = exchange.allowance.cell, let terms = exchange.allowance.terms else {
      return nil
    }
    if terms.isBlocked {
      counters.add(.tenantBlocked)
      report(cell, .tenantBlocked)
      return .tenantBlocked
    }
    guard exchange.allowance.takePlace() else {
      counters.add(.tenantConcurrencyLimited)
      report(cell, .tenantConcurrencyLimited)
      writeRetry(after: 1, terms, .concurrency)
      return .tenantConcurrencyLimited
    }
    if asksForStream && !exchange.allowance.takeStream() {
      exchange.allowance.leavePlaces()
      report(cell, .tenantStreamsLimited)
      return refuseStream(terms)
    }
    guard let wait = cell.admitRequest(terms, at: now) else { return nil }
    exchange.allowance.leavePlaces()
    counters.add(.tenantRateLimited)
    report(cell, .tenantRateLimited)
    writeRetry(after: TenantCell.seconds(wait), terms, .requests)
    return .tenantRateLimited
  }

  /// Counts and prepares the refusal of a stream.
  private func refuseStream(_ terms: TenantTerms) -> LocalAnswer {
    counters.add(.tenantStreamsLimited)
    writeRetry(after: 1, terms, .streams)
    return .tenantStreamsLimited
  }

  /// Lets a response become a stream, or answers 429 in its place; false then. Before its head is written.
  ///
  /// The response head, `length` bytes of `input`, is counted already: a refusal consumes it first, so that it is not
  /// counted again with what else came.
  func admitsStream(
    _ connection: DownstreamConnection, isStream: Bool, _ input: Buffer, _ length: Int
  ) -> Bool {
    let exchange = connection.exchange
    guard let terms = exchange.allowance.terms else { return true }
    guard isStream else {
      exchange.allowance.leaveStream()
      return true
    }
    if exchange.allowance.takeStream() { return true }
    input.consume(length)
    answer(connection, refuseStream(terms))
    return false
  }

  /// Fields for the answer that is about to be written: Retry-After, and RateLimit if there is a policy.
  private func writeRetry(after seconds: UInt64, _ terms: TenantTerms, _ limit: MetLimit) {
    answerFields.reset()
    answerFields.append("\r\nRetry-After: ")
    answerFields.append(decimal: max(1, seconds))
    guard !terms.policy.isEmpty else { return }
    answerFields.append("\r\nRateLimit-Policy: ")
    answerFields.append(terms.policy)
    if limit == .requests {
      Self.writeRemaining(0, seconds: max(1, seconds), to: answerFields)
    } else if limit == .concurrency {
      answerFields.append("\r\nRateLimit: \"concurrency\";r=0")
    }
  }

  private static func writeRemaining(_ requests: Int, seconds: UInt64, to fields: Buffer) {
    fields.append("\r\nRateLimit: \"requests\";r=")
    fields.append(decimal: UInt64(requests))
    fields.append(";t=")
    fields.append(decimal: seconds)
  }

  /// The RateLimit fields of a response that is passed on, or nil when there are none.
  func responseFields(_ exchange: Exchange) -> Buffer? {
    guard let cell = exchange.allowance.cell, let terms = exchange.allowance.terms,
      tenantLimits.sendsFields, !terms.policy.isEmpty
    else { return nil }
    passedFields.reset()
    passedFields.append("\r\nRateLimit-Policy: ")
    passedFields.append(terms.policy)
    if terms.requestNanoseconds > 0 {
      let left = cell.remaining(terms, at: now)
      Self.writeRemaining(left.requests, seconds: left.seconds, to: passedFields)
    }
    if terms.concurrentMax != .max {
      passedFields.append("\r\nRateLimit: \"concurrency\";r=")
      passedFields.append(decimal: UInt64(max(0, terms.concurrentMax - cell.openRequests)))
    }
    return passedFields
  }

  /// Tells the log, once a tenant and minute. While the tenant of the head is at hand, so not later.
  private func report(_ cell: TenantCell, _ answer: LocalAnswer) {
    guard cell.mayReport(at: now) else { return }
    enforcement.notices.add(
      TenantLimitNotice(tenant: limitedTenant ?? text(of: tenant), code: "\(answer.code)"))
  }

  private func text(of buffer: Buffer) -> String {
    let bytes = buffer.readable
    var text: [UInt8] = []
    for offset in 0..<bytes.byteCount { text.append(bytes[offset]) }
    return String(decoding: text, as: UTF8.self)
  }
}
