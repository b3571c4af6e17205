import HTTPCodec
import Metering
import Platform
import Usage

extension Worker {
  /// Begins the record of an exchange whose head was read; nothing while the log is off.
  @inline(__always)
  func beginRecord(
    _ connection: DownstreamConnection, _ resolution: TenantResolver.Resolution, in bytes: RawSpan,
    route: Int
  ) {
    guard let accessLogger else { return }
    guard let record = accessLogger.begin(listener: connection.listener, &random) else { return }
    record.take(requestHead, in: bytes, keepsQuery: accessLogger.keepsQuery)
    record.route = route
    switch resolution {
    case .resolved:
      let id = tenant
      record.tenant.append(id.readable)
    case .unattributed: record.tenant.append("~unattributed")
    case .invalid: record.tenant.append("~invalid")
    }
    connection.exchange.record = record
  }

  /// Begins the record of an exchange without a readable head.
  func beginRecord(_ connection: DownstreamConnection) {
    guard let accessLogger else { return }
    guard let record = accessLogger.begin(listener: connection.listener, &random) else { return }
    record.tenant.append("~unattributed")
    record.route = noRoute
    connection.exchange.record = record
  }

  /// Logs an exchange that has ended; nothing while the log is off.
  @inline(__always)
  func finishRecord(_ connection: DownstreamConnection) {
    if let record = connection.exchange.record { finish(record, connection) }
  }

  private func finish(_ record: AccessRecord, _ connection: DownstreamConnection) {
    let exchange = connection.exchange
    exchange.record = nil
    guard let accessLogger else { return }
    switch accessLogger.finish(record, exchange, connection, at: clock.wallMicroseconds()) {
    case .written: counters.add(.accessLogLines)
    case .dropped: counters.add(.accessLogDropped)
    case .passedOver: break
    }
  }
}
