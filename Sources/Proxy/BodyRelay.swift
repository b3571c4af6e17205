import HTTPCodec
import Platform

/// One direction of an exchange: where its source's body ends, and what waits in the sink's output buffer.
///
///     sink's output:  leading (heads, chunk sizes) | body | trailing (chunk ends, trailers)
///     then, if direct: content straight from the source's input buffer
///
/// Content with a known length, until close, or of a tunnel goes to the kernel from the buffer that it was
/// received in. Chunked content is taken apart, copied and framed anew.
struct BodyRelay {
  /// What the source's framing still promises.
  enum Source {
    case none
    case length(UInt64)
    case chunked(ChunkedDecoder)
    case untilClose
    case tunnel
  }

  var source: Source = .none
  /// Whether the sink gets chunks.
  var framesChunks = false
  /// Whether the whole body, or the end of the tunnel's stream, has been taken from the source.
  var isSourceDone = true
  /// Bytes at the front of the source's input that were counted as received already.
  var countedAhead = 0
  var leading = 0
  var body = 0
  var trailing = 0

  init() {}

  /// A relay of this body; `framesChunks` says how the sink gets it.
  init(_ source: Source, framesChunks: Bool) {
    self.source = source
    self.framesChunks = framesChunks
    switch source {
    case .none: isSourceDone = true
    case .length(let count): isSourceDone = count == 0
    case .chunked, .untilClose, .tunnel: isSourceDone = false
    }
  }

  /// Whether content goes from the source's input to the kernel without a copy.
  var isDirect: Bool {
    switch source {
    case .none, .chunked: false
    case .length, .tunnel: true
    case .untilClose: !framesChunks
    }
  }

  /// Whether nothing waits in the sink's output.
  var isFlushed: Bool { leading == 0 && body == 0 && trailing == 0 }

  /// Bytes of the source's input that may go directly now.
  func directCount(_ input: Buffer?) -> Int {
    guard isDirect, let input else { return 0 }
    if case .length(let remaining) = source {
      return Int(min(UInt64(input.count), remaining))
    }
    return input.count
  }

  /// Notes what arrived for a direct body, and returns how many bytes were not counted before.
  mutating func countArrived(_ input: Buffer?) -> Int {
    let available = directCount(input)
    let new = available - countedAhead
    countedAhead = available
    return new
  }

  /// Whether, for a direct body of known length, everything has arrived in the input buffer.
  func hasAllArrived(_ input: Buffer?) -> Bool {
    guard case .length(let remaining) = source else { return false }
    return UInt64(input?.count ?? 0) >= remaining
  }

  /// Takes `count` accepted bytes off the sink's output plan, and says how many of them were content.
  mutating func accept(_ count: Int) -> Int {
    var rest = count
    let head = min(rest, leading)
    leading -= head
    rest -= head
    let content = min(rest, body)
    body -= content
    rest -= content
    trailing -= rest
    precondition(trailing >= 0, "the kernel accepted more than the plan holds")
    return content
  }

  /// Content among the first `count` bytes of the plan.
  func contentCount(inFirst count: Int) -> Int { min(body, max(0, count - leading)) }

  /// Takes `count` bytes that went directly.
  mutating func acceptDirect(_ count: Int, _ input: Buffer?) {
    guard count > 0 else { return }
    input?.consume(count)
    countedAhead -= count
    if case .length(let remaining) = source {
      source = .length(remaining - UInt64(count))
      if remaining == UInt64(count) { isSourceDone = true }
    }
  }
}
