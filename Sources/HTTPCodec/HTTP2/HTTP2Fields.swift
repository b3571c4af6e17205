import CNghttp2

/// Fields of a head that is about to be sent, in libnghttp2's form: names in lower case, then values, in one run of bytes. Used
/// again for each head. Owned by one thread.
@safe
public final class HTTP2Fields {
  private var bytes: UnsafeMutablePointer<UInt8>
  private var byteCapacity = 1_024
  private var byteCount = 0
  private var entries: UnsafeMutablePointer<nghttp2_nv>
  private var entryCapacity = 32
  /// How many there are.
  public private(set) var count = 0

  /// No fields yet.
  public init() {
    unsafe bytes = .allocate(capacity: byteCapacity)
    unsafe entries = .allocate(capacity: entryCapacity)
  }

  deinit {
    unsafe bytes.deallocate()
    unsafe entries.deallocate()
  }

  /// Forgets all, keeps the memory.
  public func reset() {
    byteCount = 0
    count = 0
  }

  /// Adds a field; ASCII letters of its name become lower case (RFC 9113 §8.2).
  public func append(_ name: RawSpan, _ value: RawSpan) {
    // Safe: the bytes are copied.
    unsafe name.withUnsafeBytes { name in
      unsafe value.withUnsafeBytes { value in unsafe append(name, value) }
    }
  }

  /// Adds a field whose name is in lower case.
  public func append(_ name: StaticString, _ value: RawSpan) {
    name.withUTF8Buffer { name in append(unsafe RawSpan(_unsafeElements: name), value) }
  }

  /// Adds a field of fixed text.
  public func append(_ name: StaticString, text value: StaticString) {
    value.withUTF8Buffer { value in append(name, unsafe RawSpan(_unsafeElements: value)) }
  }

  /// Adds `:status`, 100 to 999.
  public func append(status: Int) {
    precondition((100...999).contains(status), "a status has three digits")
    let zero = UInt8(ascii: "0")
    let digits: InlineArray<3, UInt8> = [
      zero + UInt8(status / 100), zero + UInt8(status / 10 % 10), zero + UInt8(status % 10),
    ]
    unsafe append(":status", digits.span.bytes)
  }

  /// Room for so many bytes and one entry more; what is there moves along.
  private func reserve(_ wanted: Int) {
    if byteCount + wanted > byteCapacity {
      byteCapacity = max(2 * byteCapacity, byteCount + wanted)
      let moved = UnsafeMutablePointer<UInt8>.allocate(capacity: byteCapacity)
      // Safe, all: both hold `byteCount` bytes, and entries point into them.
      unsafe moved.update(from: bytes, count: byteCount)
      for index in 0..<count {
        unsafe entries[index].name = moved + (entries[index].name - bytes)
        unsafe entries[index].value = moved + (entries[index].value - bytes)
      }
      unsafe bytes.deallocate()
      unsafe bytes = moved
    }
    if count == entryCapacity {
      let moved = UnsafeMutablePointer<nghttp2_nv>.allocate(capacity: 2 * entryCapacity)
      unsafe moved.update(from: entries, count: count)
      unsafe entries.deallocate()
      unsafe entries = moved
      entryCapacity *= 2
    }
  }

  @unsafe
  private func append(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) {
    reserve(name.count + value.count)
    // Safe: there is room for both, and libnghttp2 copies what it is lent.
    let start = unsafe bytes + byteCount
    for index in 0..<name.count { unsafe start[index] = name[index].asciiLowercased }
    let middle = unsafe start + name.count
    if let from = value.baseAddress {
      unsafe UnsafeMutableRawPointer(middle).copyMemory(from: from, byteCount: value.count)
    }
    unsafe entries[count] = nghttp2_nv(
      name: start, value: middle, namelen: name.count, valuelen: value.count,
      flags: UInt8(NGHTTP2_NV_FLAG_NONE.rawValue))
    byteCount += name.count + value.count
    count += 1
  }

  /// Lends the fields in libnghttp2's form.
  @unsafe
  func withEntries<Result>(_ body: (UnsafeMutableBufferPointer<nghttp2_nv>) -> Result) -> Result {
    unsafe body(UnsafeMutableBufferPointer(start: entries, count: count))
  }
}

extension HTTP2Fields {
  /// A head that was read by `replace(withResponse:)`.
  public struct OwnHead: Sendable, Equatable {
    /// The status, which may be another one over HTTP/2.
    public let status: Int
    /// Bytes of the head, with the empty line.
    public let length: Int
    /// Whether it switches protocols: over HTTP/2 a tunnel begins with 200 (RFC 8441 §5).
    public var isTunnel: Bool { status == 101 }
  }

  /// Makes the fields those of a response's head at the front of `text`, which Weir itself has written in the form of HTTP/1.1:
  /// `HTTP/1.1 NNN …`, lines of `name: value` that end with CR LF, an empty line. Nil when that is not so.
  ///
  /// Fields about the connection are left out (RFC 9113 §8.2.2), and with a tunnel the proof of a key that the client
  /// has not sent. Nothing is checked that was checked before it was written.
  public func replace(withResponse text: RawSpan) -> OwnHead? {
    reset()
    guard text.byteCount > 13, let status = Self.status(text) else { return nil }
    append(status: status == 101 ? 200 : status)
    guard var at = Self.lineEnd(text, from: 12) else { return nil }
    // Bound: each turn takes a line.
    while true {
      at += 2
      guard let lineEnd = Self.lineEnd(text, from: at) else { return nil }
      if lineEnd == at { return OwnHead(status: status, length: at + 2) }
      var colon = at
      while colon < lineEnd, text[unchecked: colon] != UInt8(ascii: ":") { colon += 1 }
      let name = text.extracting(at..<colon)
      if !Self.isLeftOut(name, isTunnel: status == 101) {
        var start = min(colon + 1, lineEnd)
        while start < lineEnd, text[unchecked: start] == 0x20 { start += 1 }
        append(name, text.extracting(start..<lineEnd))
      }
      at = lineEnd
    }
  }

  private static func status(_ text: RawSpan) -> Int? {
    var status = 0
    for place in 9..<12 {
      let digit = text[place] &- UInt8(ascii: "0")
      guard digit < 10 else { return nil }
      status = status * 10 + Int(digit)
    }
    return status >= 100 ? status : nil
  }

  /// Where the CR LF stands that ends the line from `start` on.
  private static func lineEnd(_ text: RawSpan, from start: Int) -> Int? {
    var at = start
    while true {
      at = text.firstControl(from: min(at, text.byteCount), to: text.byteCount)
      guard at + 1 < text.byteCount else { return nil }
      if text[at] == .carriageReturn { return text[at + 1] == .lineFeed ? at : nil }
      at += 1
    }
  }

  private static func isLeftOut(_ name: RawSpan, isTunnel: Bool) -> Bool {
    let whole = ByteRange(start: 0, count: name.byteCount)
    return switch name.byteCount {
    case 2: name.matches(whole, lowercase: "te")
    case 7: name.matches(whole, lowercase: "upgrade")
    case 10:
      name.matches(whole, lowercase: "connection") || name.matches(whole, lowercase: "keep-alive")
    case 14: name.matches(whole, lowercase: "http2-settings")
    case 16: name.matches(whole, lowercase: "proxy-connection")
    case 17: name.matches(whole, lowercase: "transfer-encoding")
    case 20 where isTunnel: name.matches(whole, lowercase: "sec-websocket-accept")
    default: false
    }
  }
}
