import HTTPCodec
import Platform

/// The health thread's loop: starts checks when they are due, and follows them to their end.
final class HealthLoop {
  /// One address that is checked.
  private final class Target {
    let board: UpstreamBoard
    let configuration: HealthCheckConfiguration
    let seat: UpstreamSeat
    var verdict = HealthVerdict()
    var due: UInt64
    var isSeen = true
    var probe: Probe?

    init(
      _ board: UpstreamBoard, _ configuration: HealthCheckConfiguration, _ seat: UpstreamSeat,
      due: UInt64
    ) {
      self.board = board
      self.configuration = configuration
      self.seat = seat
      self.due = due
    }
  }

  /// A check on its way.
  private final class Probe {
    let channel: Channel
    unowned let target: Target
    let deadline: UInt64
    /// Whether the transport is up.
    var isUp = false
    /// Whether a request may be sent: TLS is complete, too.
    var isConnected = false
    var scanned = 0
    /// The request, where the upstream is spoken to in HTTP/2.
    var http2: HTTP2Probe?

    init(_ channel: Channel, _ target: Target, deadline: UInt64) {
      self.channel = channel
      self.target = target
      self.deadline = deadline
    }
  }

  private let control: WorkerControl
  private let syscalls: Syscalls
  private let clock: Clock
  private let report: (UpstreamEvent) -> Void
  private let loop: EventLoop
  private let buffers = BufferPool(capacity: HealthLoop.answerBytesMax, keptMax: 8)
  private var parser = HTTP1Parser(limits: HTTP1Limits())
  private let head = ResponseHead()
  private var targets: [ObjectIdentifier: Target] = [:]
  private var probes = Slab<Probe>()
  private var now: UInt64
  private var random: UInt64

  /// Bytes of an answer's head, and of interim answers before it.
  static let answerBytesMax = 32_768

  init(
    control: WorkerControl, syscalls: Syscalls, clock: Clock,
    report: @escaping (UpstreamEvent) -> Void
  ) throws(SystemError) {
    self.control = control
    self.syscalls = syscalls
    self.clock = clock
    self.report = report
    now = clock.monotonicNanoseconds()
    random = now
    loop = try EventLoop(syscalls: syscalls)
    try loop.registerForReading(control.wakeup.descriptor, word: EventWord.wakeup)
  }

  /// Checks what `boards` returns, until it is told to stop.
  func run(_ boards: () -> [UpstreamBoard]) {
    take(boards())
    while !control.isStopRequested {
      startDue()
      let count = loop.wait(timeoutMilliseconds: waitMilliseconds)
      now = clock.monotonicNanoseconds()
      // Bound: the loop's events a turn.
      for position in 0..<count {
        let event = loop.event(position)
        if EventWord.kind(of: event.word) == .wakeup {
          control.wakeup.clear()
          take(boards())
        } else {
          dispatch(event)
        }
      }
      endLate()
    }
    for slot in 0..<probes.slotCount { if let probe = probes[slot] { close(probe) } }
  }

  /// Until the next check is due or late.
  private var waitMilliseconds: Int32 {
    var next = UInt64.max
    for target in targets.values { next = min(next, target.probe?.deadline ?? target.due) }
    guard next != .max else { return -1 }
    return next <= now ? 0 : Int32(clamping: (next - now) / 1_000_000 + 1)
  }

  /// Begins with addresses that are new and forgets those that are gone.
  private func take(_ boards: [UpstreamBoard]) {
    for target in targets.values { target.isSeen = false }
    for board in boards {
      guard let configuration = board.configuration.health else { continue }
      for seat in board.currentSeats {
        let key = ObjectIdentifier(seat.health)
        if let target = targets[key] {
          target.isSeen = true
        } else {
          // Spread from the start, so that a thousand addresses are not checked at once.
          let first = now + below(UInt64(configuration.intervalMilliseconds) * 100_000)
          targets[key] = Target(board, configuration, seat, due: first)
        }
      }
    }
    for (key, target) in targets where !target.isSeen {
      if let probe = target.probe { close(probe) }
      targets[key] = nil
    }
  }

  private func startDue() {
    for target in targets.values where target.probe == nil && now >= target.due { start(target) }
  }

  private func start(_ target: Target) {
    let (slot, generation) = probes.reserve()
    do throws(SystemError) {
      let descriptor = try syscalls.connect(to: target.seat.endpoint)
      do throws(SystemError) {
        try loop.register(
          descriptor, word: EventWord.connection(.upstream, slot: slot, generation: generation))
      } catch {
        syscalls.close(descriptor)
        throw error
      }
      let channel = Channel(descriptor: descriptor, slot: slot, generation: generation)
      let deadline = now + UInt64(target.configuration.timeoutMilliseconds) * 1_000_000
      let probe = Probe(channel, target, deadline: deadline)
      probes.put(probe, at: slot)
      target.probe = probe
    } catch {
      probes.abandon(slot)
      // Want of our own says nothing about the address: no check was made.
      if error.isShortage {
        planNext(target)
      } else {
        note(target, failure: "\(error)")
      }
    }
  }

  private func dispatch(_ event: EventLoop.Event) {
    let place = EventWord.place(of: event.word)
    guard let probe = probes.element(at: place.slot, generation: place.generation) else { return }
    probe.channel.note(event)
    if !probe.isConnected {
      guard probe.channel.isWritable || probe.channel.isBroken else { return }
      guard complete(probe) else { return }
      probe.isConnected = true
      guard probe.target.configuration.kind != .tcp else {
        finish(probe, failure: nil)
        return
      }
      if !probe.target.board.configuration.speaksHTTP2 {
        write(probe)
      } else if !beginHTTP2(probe) {
        return
      }
    }
    exchange(probe)
  }

  /// Whether the connection is complete; when it cannot be, the check has ended.
  private func complete(_ probe: Probe) -> Bool {
    let channel = probe.channel
    if !probe.isUp {
      guard syscalls.socketError(channel.descriptor) == 0, !channel.isBroken else {
        finish(probe, failure: "the connection was refused")
        return false
      }
      probe.isUp = true
      guard let context = probe.target.board.tls else { return true }
      channel.tls = TLSSession(client: context, descriptor: channel.descriptor)
    }
    guard let session = channel.tls else {
      finish(probe, failure: "no memory for TLS")
      return false
    }
    switch session.handshake(trustsShortReads: !channel.isPeerClosed, syscalls) {
    case .done:
      channel.isReadable = session.mayHaveMore || channel.isPeerClosed
      return true
    case .wouldBlock: return false
    case .ended:
      finish(probe, failure: "the server closed the connection in the TLS handshake")
      return false
    case .failed(let reason):
      finish(probe, failure: "TLS: \(reason)")
      return false
    }
  }

  private func write(_ probe: Probe) {
    let configuration = probe.target.configuration
    let output = buffers.take()
    let host = configuration.host ?? Self.host(of: probe.target.seat.endpoint)
    output.append(
      Array(
        ("\(configuration.method) \(configuration.path) HTTP/1.1\r\nHost: \(host)\r\n"
          + "User-Agent: weir-health\r\nConnection: close\r\n\r\n").utf8))
    probe.channel.output = output
  }

  /// Prepares the request over HTTP/2; false when the check has ended.
  private func beginHTTP2(_ probe: Probe) -> Bool {
    let tls = probe.channel.tls
    if let tls, tls.protocolName != "h2" {
      finish(probe, failure: "TLS: the server does not agree to HTTP/2")
      return false
    }
    probe.http2 = HTTP2Probe(
      probe.target.configuration, authority: Self.host(of: probe.target.seat.endpoint),
      isEncrypted: tls != nil)
    if probe.http2 == nil { finish(probe, failure: "no memory for HTTP/2") }
    return probe.http2 != nil
  }

  private static func host(of endpoint: Endpoint) -> String {
    switch endpoint {
    case .internet(let address): address.description
    case .unix: "localhost"
    }
  }

  /// Sends what is left of the request and reads what has come of the answer.
  private func exchange(_ probe: Probe) {
    let channel = probe.channel
    send(probe)
    // Bound: answerBytesMax; a full buffer without a whole head ends the check.
    while channel.isReadable {
      switch channel.receive(syscalls, buffers) {
      case .moved:
        if read(probe) { return }
        send(probe)
      case .wouldBlock:
        if channel.isReadable { finish(probe, failure: "the answer's head is too large") }
        return
      case .end, .failed:
        finish(probe, failure: "the connection was closed without an answer")
        return
      }
    }
    if channel.isBroken { finish(probe, failure: "the connection broke") }
  }

  private func send(_ probe: Probe) {
    let channel = probe.channel
    writeFrames(probe)
    while let output = channel.output, !output.isEmpty, channel.isWritable {
      guard case .moved(let count) = channel.send(nil, directCount: 0, syscalls) else { break }
      output.consume(count)
    }
  }

  /// Puts frames that wait behind what is to be sent.
  private func writeFrames(_ probe: Probe) {
    guard let http2 = probe.http2 else { return }
    let output = probe.channel.output ?? buffers.take()
    probe.channel.output = output
    if output.isEmpty { output.reset() }
    http2.write(to: output)
  }

  /// Reads frames; true when the check is over.
  private func readFrames(_ probe: Probe, _ http2: HTTP2Probe) -> Bool {
    guard let input = probe.channel.input, !input.isEmpty else { return false }
    http2.receive(input.readable)
    input.reset()
    switch http2.outcome {
    case .pending: return false
    case .good: finish(probe, failure: nil)
    case .failed(let reason): finish(probe, failure: reason)
    }
    return true
  }

  /// Reads a head if it is whole; true when the check is over.
  private func read(_ probe: Probe) -> Bool {
    if let http2 = probe.http2 { return readFrames(probe, http2) }
    let configuration = probe.target.configuration
    let method: HTTPMethod = configuration.method == "HEAD" ? .head : .get
    while let input = probe.channel.input, !input.isEmpty {
      let outcome = parser.parseResponse(
        input.readable, scanned: &probe.scanned, to: method, into: head)
      switch outcome {
      case .needMore: return false
      case .fault:
        finish(probe, failure: "the answer was not valid HTTP")
        return true
      case .complete(let length):
        probe.scanned = 0
        if head.status < 200 && head.status != 101 {
          input.consume(length)
          continue
        }
        let isGood = (configuration.statusMin...configuration.statusMax).contains(head.status)
        finish(probe, failure: isGood ? nil : "the status was \(head.status)")
        return true
      }
    }
    return false
  }

  private func endLate() {
    for slot in 0..<probes.slotCount {
      if let probe = probes[slot], now >= probe.deadline {
        finish(
          probe, failure: "no answer within \(probe.target.configuration.timeoutMilliseconds) ms")
      }
    }
  }

  private func finish(_ probe: Probe, failure: String?) {
    let target = probe.target
    close(probe)
    note(target, failure: failure)
  }

  private func close(_ probe: Probe) {
    probe.target.probe = nil
    probe.channel.releaseBuffers(to: buffers)
    probes.remove(at: probe.channel.slot)
    probe.channel.close(syscalls)
  }

  /// Takes a check's result over, and plans the next one.
  private func note(_ target: Target, failure: String?) {
    let configuration = target.configuration
    planNext(target)
    target.board.countCheck(isGood: failure == nil)
    guard
      target.verdict.note(
        isGood: failure == nil, rise: configuration.rise, fall: configuration.fall)
    else { return }
    target.board.set(target.seat.health, isUp: target.verdict.isUp)
    target.board.countTransition(isUp: target.verdict.isUp)
    let name = target.board.name
    report(
      target.verdict.isUp
        ? .isUp(upstream: name, target.seat.endpoint)
        : .isDown(upstream: name, target.seat.endpoint, reason: failure ?? ""))
  }

  /// An interval from now, a tenth more or less.
  private func planNext(_ target: Target) {
    let interval = UInt64(target.configuration.intervalMilliseconds) * 1_000_000
    target.due = now + interval - interval / 10 + below(interval / 5 + 1)
  }

  /// A random number from 0 to `bound` - 1.
  private func below(_ bound: UInt64) -> UInt64 {
    random &+= 0x9E37_79B9_7F4A_7C15
    return StableHash.mix(random).multipliedFullWidth(by: max(1, bound)).high
  }
}
