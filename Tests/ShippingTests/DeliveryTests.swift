import Logging
import PlainHTTP
import Platform
import Synchronization
import TestSupport
import Testing
import Usage

@testable import Shipping

struct DeliveryTests {
  private typealias Fixture = ShippingFixture

  @Test func `a batch is delivered with token, type and key and then kept`() throws {
    let fixture = try Fixture()
    let spool = try fixture.spool()
    let batch = Fixture.batch(0)
    try Fixture.add(batch, to: spool)

    try fixture.delivery(spool).deliverAll()

    let request = try #require(fixture.allocator.requests.first)
    #expect(request.head.start[0...1] == ["POST", "/v1/batches"])
    #expect(request.head.value("authorization") == "Bearer secret")
    #expect(request.head.value("weir-spool") == "1 \(request.body.count)")
    #expect(request.head.value("content-type") == "application/vnd.weir.batch")
    #expect(request.name == batch.name.description)
    #expect(try BatchCodec.decode(request.body) == batch)
    #expect(spool.status.pendingBatches == 0)
    #expect(spool.status.acknowledgedBatches == 1)
  }

  @Test func `an answer lost after the commit makes a duplicate and not a second batch`() throws {
    let fixture = try Fixture([.storeAndHangUp])
    let spool = try fixture.spool()
    let cell = MetricsCell()
    try Fixture.add(Fixture.batch(0), to: spool)

    try fixture.delivery(spool, cell).deliverAll()

    #expect(fixture.allocator.requests.count == 2)
    #expect(fixture.allocator.stored.count == 1)
    #expect(cell.snapshot.duplicates == 1)
    #expect(cell.snapshot.delivered == 0)
    #expect(cell.snapshot.retries == 1)
    #expect(spool.status.acknowledgedBatches == 1)
  }

  @Test func `batches spooled out of order are all delivered, the oldest first`() throws {
    let fixture = try Fixture()
    let spool = try fixture.spool()
    for sequence in [3, 0, 2, 1] as [UInt64] {
      try Fixture.add(Fixture.batch(sequence), to: spool)
    }

    try fixture.delivery(spool).deliverAll()

    #expect(
      fixture.allocator.requests.map(\.name)
        == (0..<4).map { Fixture.batch($0).name.description })
  }

  @Test func `a conflict is set aside and never called stored`() throws {
    let fixture = try Fixture([.status(409)])
    let spool = try fixture.spool()
    let cell = MetricsCell()
    try Fixture.add(Fixture.batch(0), to: spool)
    try Fixture.add(Fixture.batch(1), to: spool)

    try fixture.delivery(spool, cell).deliverAll()

    #expect(try fixture.files("/conflict").count == 1)
    #expect(cell.snapshot.conflicts == 1)
    #expect(cell.snapshot.delivered == 1)
    #expect(spool.status.setAsideBatches == 1)
    #expect(spool.status.acknowledgedBatches == 1)
  }

  @Test(arguments: [400, 413, 422])
  func `a batch refused for its content is set aside`(status: Int) throws {
    let fixture = try Fixture([.status(status)])
    let spool = try fixture.spool()
    let cell = MetricsCell()
    try Fixture.add(Fixture.batch(0), to: spool)

    try fixture.delivery(spool, cell).deliverAll()

    #expect(try fixture.files("/rejected").count == 1)
    #expect(cell.snapshot.rejected == 1)
  }

  @Test(arguments: [401, 403])
  func `a refused token keeps the batch, and a new token is used at once`(status: Int) throws {
    let fixture = try Fixture([.status(status)])
    let spool = try fixture.spool()
    let cell = MetricsCell()
    try Fixture.add(Fixture.batch(0), to: spool)
    let delivery = try fixture.delivery(spool, cell)

    let next = delivery.step()
    try fixture.write("renewed", to: fixture.configuration.tokenFile)
    try delivery.deliverAll()

    #expect(next == .afterMilliseconds(UInt64(fixture.configuration.retryMaxMilliseconds)))
    #expect(cell.snapshot.unauthorized == 1)
    #expect(cell.snapshot.retries == 1)
    #expect(fixture.allocator.requests[1].head.value("authorization") == "Bearer renewed")
    #expect(spool.status.acknowledgedBatches == 1)
  }

  @Test(arguments: [408, 429, 500, 503])
  func `an allocator that asks to come back is given the time it asks for`(status: Int) throws {
    let fixture = try Fixture([.status(status, headers: "Retry-After: 7\r\n")])
    let spool = try fixture.spool()
    try Fixture.add(Fixture.batch(0), to: spool)
    let delivery = try fixture.delivery(spool)

    #expect(delivery.step() == .afterMilliseconds(7000))
    try delivery.deliverAll()

    #expect(spool.status.acknowledgedBatches == 1)
  }

  @Test(arguments: [
    "", "{}", "[]", "{\"status\":\"stored\"}",
    "{\"status\":\"stored\",\"name\":\"edge/x\",\"epoch\":\"aa\",\"instance_position\":1}",
    "{\"status\":\"done\",\"name\":\"edge/00000000000000010000000000000002/0/0\","
      + "\"epoch\":\"aa\",\"instance_position\":1}",
    "{\"status\":\"stored\",\"name\":\"edge/00000000000000010000000000000002/0/9\","
      + "\"epoch\":\"aa\",\"instance_position\":1}",
  ])
  func `an answer that is not one acknowledges nothing`(body: String) throws {
    let fixture = try Fixture([.body(body)])
    let spool = try fixture.spool()
    try Fixture.add(Fixture.batch(0), to: spool)

    let next = try fixture.delivery(spool).step()

    #expect(next == .afterMilliseconds(UInt64(fixture.configuration.retryMaxMilliseconds)))
    #expect(spool.status.pendingBatches == 1)
    #expect(spool.status.acknowledgedBatches == 0)
  }

  @Test(arguments: [StoreLoss.newEpoch, .restored])
  func `a store that lost batches gets all that are kept`(loss: StoreLoss) throws {
    let fixture = try Fixture()
    let spool = try fixture.spool()
    let cell = MetricsCell()
    let delivery = try fixture.delivery(spool, cell)
    for sequence in 0..<5 as Range<UInt64> { try Fixture.add(Fixture.batch(sequence), to: spool) }
    try delivery.deliverAll()

    fixture.allocator.record.withLock { record in
      if loss == .newEpoch { record.epoch = "bb02" }
      for sequence in 1..<4 as Range<UInt64> {
        record.stored[Fixture.batch(sequence).name.description] = nil
      }
    }
    try Fixture.add(Fixture.batch(5), to: spool)
    try delivery.deliverAll()

    #expect(fixture.allocator.stored.count == 6)
    #expect(cell.snapshot.offeredAgain == 5)
    #expect(spool.status.acknowledgedBatches == 6)
    #expect(fixture.allocator.record.withLock { $0.conflicts } == [])
  }

  @Test func `a store that lost nothing is offered nothing again, also after a restart`() throws {
    let fixture = try Fixture()
    for sequence in 0..<4 as Range<UInt64> {
      let spool = try fixture.spool()
      try Fixture.add(Fixture.batch(sequence), to: spool)
      try fixture.delivery(spool).deliverAll()
    }

    #expect(fixture.allocator.requests.count == 4)
  }

  @Test func `a name that the store misses is offered again, one not kept is told`() throws {
    let first = Fixture.batch(0).name.description
    let fixture = try Fixture([.store, .missing([first, Fixture.batch(77).name.description])])
    let spool = try fixture.spool()
    let cell = MetricsCell()
    let delivery = try fixture.delivery(spool, cell)
    try Fixture.add(Fixture.batch(0), to: spool)
    try Fixture.add(Fixture.batch(1), to: spool)

    try delivery.deliverAll()

    #expect(fixture.allocator.requests.map(\.name).filter { $0 == first }.count == 2)
    #expect(cell.snapshot.offeredAgain == 1)
    #expect(cell.snapshot.lost == 1)
  }

  @Test func `a missing token file keeps the batch`() throws {
    var fixture = try Fixture()
    fixture.configuration.tokenFile += ".not-there"
    let spool = try fixture.spool()
    try Fixture.add(Fixture.batch(0), to: spool)

    let cell = MetricsCell()

    _ = try fixture.delivery(spool, cell).step()

    #expect(fixture.allocator.requests.isEmpty)
    #expect(spool.status.pendingBatches == 1)
    #expect(cell.snapshot.retries == 1)
  }

  @Test func `a batch in quarantine is acknowledged and counted as such`() throws {
    let name = Fixture.batch(0).name.description
    let fixture = try Fixture([
      .body(
        "{\"status\":\"quarantined\",\"name\":\"\(name)\",\"epoch\":\"aa01\","
          + "\"instance_position\":1,\"missing\":[]}")
    ])
    let spool = try fixture.spool()
    let cell = MetricsCell()
    try Fixture.add(Fixture.batch(0), to: spool)

    try fixture.delivery(spool, cell).deliverAll()

    #expect(cell.snapshot.quarantined == 1)
    #expect(cell.snapshot.delivered == 0)
    #expect(spool.status.acknowledgedBatches == 1)
  }

  @Test func `a delivery that failed is told once, with its batch and the pause`() throws {
    let lines = LogLines()
    let fixture = try Fixture([.hangUp, .hangUp])
    let spool = try fixture.spool()
    try Fixture.add(Fixture.batch(0), to: spool)
    let delivery = try Delivery(
      fixture.configuration, spool: spool, syscalls: Syscalls(), clock: fixture.time.clock,
      logger: lines.logger, metrics: MetricsCell())

    guard case .afterMilliseconds(let pause) = delivery.step() else {
      Issue.record("the delivery did not fail")
      return
    }
    _ = delivery.step()

    let warnings = lines.all.filter { $0.level == .warning }
    #expect(warnings.count == 1)
    #expect(warnings.first?.metadata["batch"] == "\(Fixture.batch(0).name)")
    #expect(warnings.first?.metadata["pause_ms"] == "\(pause)")
  }
}

/// How a store comes to lack what it had.
enum StoreLoss { case newEpoch, restored }
