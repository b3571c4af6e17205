import HTTPCodec
import Metering
import Platform
import Usage

/// One request and everything that becomes of it, until its one end.
///
///              head complete          upstream up           response head        last byte handed over
///     idle ───────────────▶ connecting ─────────▶ requesting ─────────▶ responding ─────────▶ idle
///       │                        │                     │  101                │
///       │                        │                     └────────▶ tunneling ─┤
///       └── bad head, no route, upstream failed, timeout ▶ answering ────────┘
///
/// The exchange decides; `Worker` performs. Request and response bodies move at the same time, so an upstream
/// may answer before it has read everything. One object a client connection, used again for each request.
final class Exchange {
  /// Where the exchange stands.
  enum Phase {
    /// There is none: the connection waits for a head or receives one.
    case idle
    /// The upstream connection is being made.
    case connecting
    /// The request is on its way; no final response head yet.
    case requesting
    /// The final response head has been written for the client.
    case responding
    /// After a 101: bytes in both directions.
    case tunneling
    /// An answer of our own is being sent.
    case answering
  }

  var phase = Phase.idle
  /// Whether the request is counted and not yet ended.
  var isOpen = false
  var row: MeterRow?
  var route = 0
  var upstream = 0
  /// Counted by the next `record`, at the latest when the turn ends.
  var pending = Deltas()
  /// Monotonic time of the head's first byte.
  var startNanoseconds: UInt64 = 0

  /// The request's id; empty when none is configured.
  var requestID = RequestID()
  var method = HTTPMethod.get
  var isHTTP10 = false
  var isKeepAlive = false
  var expectsContinue = false
  var wantsUpgrade = false
  var acceptsTrailers = false
  /// Whether the client's connection has TLS.
  var isEncrypted = false
  /// Whether it is a stream of HTTP/2: its frames are counted where they are read and written.
  var isMultiplexed = false
  /// The same for the upstream's side.
  var isUpstreamMultiplexed = false
  /// Whether it is a call of gRPC: either side may be silent for long in the middle of it.
  var isCall = false
  /// The status of a call of gRPC, as its response's head or trailers say it; nil while neither did.
  var callStatus: UInt8?
  var bodyBytesMax = UInt64.max
  var requestContentBytes: UInt64 = 0

  var request = BodyRelay()
  var response = BodyRelay()
  /// Whether the upstream still takes request bytes.
  var isRequestSinkOpen = true
  /// Whether any content has gone, or was copied, towards the upstream: the request cannot be sent again.
  var hasMovedContent = false
  /// Bytes of the final response head that the client's transport has not accepted yet.
  var headRemaining = 0
  var responseStatus = 0
  /// Through which a large body goes to the client, once it does (`Worker+Splice`).
  var pipe: SplicePipe?
  /// Why an answer of our own ends the exchange.
  var answerEnd = Quantity.endedRejected

  /// When the current attempt began, nil between attempts.
  var attemptNanoseconds: UInt64?
  var attempts = 0
  /// The tenant's hash where addresses are chosen by it, else 0.
  var balanceKey: UInt64 = 0
  /// Addresses that failed this exchange, by `UpstreamMember.bit`.
  var triedMembers: UInt64 = 0
  /// Whether it waits for an upstream connection; `phase` is `connecting` then.
  var isWaiting = false
  /// What the route says about further attempts; the statuses as `RouteRetries.bit` has them.
  var retriesIdempotent = false
  var retryStatusBits: UInt8 = 0
  /// Answers with a 1xx status that came so far.
  var interimResponses = 0
  /// Whether the upstream keeps its connection open after this response.
  var isUpstreamReusable = false
  /// Whether any byte of a response has arrived in this attempt.
  var hasResponseBytes = false
  /// Whether the final response is complete and its times and hints are in `pending`.
  var isResponseSettled = false
  /// Wall time of the upstream over all attempts.
  var upstreamMicroseconds: UInt64 = 0
  var hints = CostHints()

  /// What the access log wants to know, nil while it is off.
  var record: AccessRecord?
  /// How fast the client sends and takes.
  var pace = Pace()

  /// Since when open time was counted, nil unless this is a stream.
  var streamNanoseconds: UInt64?
  /// What it holds of its tenant's limits.
  var allowance = Allowance()

  /// Begins a new exchange: everything but the buffers is as new. `pending` is empty since the last one's end.
  func begin(at now: UInt64) {
    phase = .idle
    isOpen = false
    startNanoseconds = now
    requestID.clear()
    method = .get
    isHTTP10 = false
    isKeepAlive = false
    expectsContinue = false
    wantsUpgrade = false
    acceptsTrailers = false
    isMultiplexed = false
    isUpstreamMultiplexed = false
    isCall = false
    callStatus = nil
    bodyBytesMax = .max
    requestContentBytes = 0
    request = BodyRelay()
    response = BodyRelay()
    isRequestSinkOpen = true
    hasMovedContent = false
    headRemaining = 0
    responseStatus = 0
    answerEnd = .endedRejected
    attemptNanoseconds = nil
    attempts = 0
    balanceKey = 0
    triedMembers = 0
    isWaiting = false
    retriesIdempotent = false
    retryStatusBits = 0
    interimResponses = 0
    isUpstreamReusable = false
    hasResponseBytes = false
    isResponseSettled = false
    upstreamMicroseconds = 0
    hints = CostHints()
    streamNanoseconds = nil
    pace = Pace()
  }

  /// Takes over what the head of a request says.
  func take(_ head: RequestHead, limits: HTTP1Limits) {
    method = head.method
    isHTTP10 = head.version == .http10
    isKeepAlive = head.isKeepAlive
    expectsContinue = head.expectsContinue
    acceptsTrailers = head.acceptsTrailers
    switch head.framing {
    case .none, .untilClose: request = BodyRelay()
    case .contentLength(let count):
      request = BodyRelay(.length(count), framesChunks: false)
      pace.announced = count
    case .chunked: request = BodyRelay(.chunked(ChunkedDecoder(limits: limits)), framesChunks: true)
    }
  }

  /// Takes over that the request is a stream: content of unknown length has no chunks, trailers need no leave.
  func takeStream() {
    isMultiplexed = true
    acceptsTrailers = true
    if case .chunked = request.source { request = BodyRelay(.untilClose, framesChunks: true) }
  }

  /// Takes over that the upstream is spoken to in HTTP/2: content has no chunks there.
  func takeUpstreamStream() {
    isUpstreamMultiplexed = true
    request.framesChunks = false
  }

  /// Counts bytes as they are on the wire of an upstream that speaks HTTP/1.1.
  func addUpstream(_ quantity: Quantity, _ count: Int) {
    guard count > 0, !isUpstreamMultiplexed else { return }
    pending.add(quantity, UInt64(count))
  }

  /// Whether sending the same request again does no harm and is possible: no content has moved, and the method
  /// is idempotent (RFC 9110 §9.2.2).
  var isRepeatable: Bool {
    guard !hasMovedContent else { return false }
    switch method {
    case .get, .head, .put, .delete, .options, .trace: return true
    case .post, .patch, .connect, .other: return false
    }
  }

  /// Notes the end of an attempt, for `upstream_us`.
  func endAttempt(at now: UInt64) {
    guard let began = attemptNanoseconds else { return }
    let elapsed = (now &- began) / 1_000
    upstreamMicroseconds &+= elapsed
    pending.add(.upstreamMicroseconds, elapsed)
    attemptNanoseconds = nil
  }

  /// Puts the times and hints of a complete response into `pending`, once.
  func settleResponse(at now: UInt64, _ reader: CostHintReader) {
    guard !isResponseSettled else { return }
    isResponseSettled = true
    endAttempt(at: now)
    guard !reader.isEmpty else { return }
    if let cpu = reader.plausibleCPU(&hints, upstreamMicroseconds: upstreamMicroseconds) {
      pending.add(.upstreamCPUMicroseconds, cpu)
      pending.add(.cpuHintedRequests, 1)
    }
    let quantities: [4 of Quantity] = [.units0, .units1, .units2, .units3]
    for index in 0..<4 {
      if let value = hints.units[index] { pending.add(quantities[index], value) }
    }
  }

  /// Adds the open time of a stream since it was last counted, in whole milliseconds.
  func countStream(at now: UInt64) {
    guard let since = streamNanoseconds, now > since else { return }
    let milliseconds = (now - since) / 1_000_000
    guard milliseconds > 0 else { return }
    pending.add(.streamMilliseconds, milliseconds)
    streamNanoseconds = since + milliseconds * 1_000_000
  }

  /// Why the exchange ends when its last response byte is handed over.
  var endReason: Quantity { phase == .answering ? answerEnd : .endedCompleted }

  /// The class of the final response's status; 101 counts as 2xx.
  var responseClass: Quantity {
    switch responseStatus {
    case ..<300: .responses2xx
    case ..<400: .responses3xx
    case ..<500: .responses4xx
    default: .responses5xx
    }
  }
}
